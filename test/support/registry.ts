/** A registry of packages on loopback that has what this repository's node_modules has: installing needs no network and no cache. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import { basename, dirname, join } from "node:path";

export interface Registry {
  /** For `npm --registry`. */
  readonly url: string;
  /** Names of the packages that were fetched, sorted. */
  fetched(): string[];
  stop(): Promise<void>;
}

const tarballs = "/-/tarballs/";

/** As `npm audit` is told of it. */
export interface RegistryAdvisory {
  readonly id: number;
  readonly url: string;
  readonly title: string;
  readonly severity: string;
  readonly vulnerable_versions: string;
}

/** @param advisories by package; default: it offers no audit */
export async function startRegistry(
  nodeModules: string,
  advisories?: Readonly<Record<string, readonly RegistryAdvisory[]>>,
): Promise<Registry> {
  const fetched = new Set<string>();
  let url = "";
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? "/");
    if (request.method === "POST") {
      if (advisories === undefined || !path.endsWith("/advisories/bulk"))
        return void response.writeHead(405, { allow: "GET" }).end();
      request.resume();
      return void response.end(JSON.stringify(advisories));
    }
    const name = path.startsWith(tarballs) ? path.slice(tarballs.length) : path.slice(1);
    const folder = join(nodeModules, name);
    if (!existsSync(join(folder, "package.json"))) return void response.writeHead(404).end();
    if (!path.startsWith(tarballs)) return void response.end(JSON.stringify(describe(folder, url + tarballs + name)));
    fetched.add(name);
    sendTarball(folder, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  url = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
  return {
    url,
    fetched: () => [...fetched].sort(),
    async stop() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

function describe(folder: string, tarball: string): object {
  const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const { name, version } = manifest;
  return { name, "dist-tags": { latest: version }, versions: { [version]: { ...manifest, dist: { tarball } } } };
}

/** npm takes whatever single folder a tarball holds, packed or not. */
function sendTarball(folder: string, response: ServerResponse): void {
  const args = ["--create", "--exclude=node_modules", "--directory", dirname(folder), basename(folder)];
  const tar = spawn("tar", args, { stdio: ["ignore", "pipe", "inherit"] });
  tar.once("error", (error) => response.destroy(error));
  tar.stdout.pipe(response);
}
