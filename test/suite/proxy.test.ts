import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { type ConnectProxyOptions, startConnectProxy } from "../support/connect-proxy.ts";
import { endsWithinMs, expectReconciled, runFile, useStages } from "../support/suite.ts";

const credentials = "proxyuser:s3cretPassw0rd";
const secrets = [...credentials.split(":"), Buffer.from(credentials).toString("base64")];
/** Nobody listens there. */
const unused = { HTTP_PROXY: "http://127.0.0.1:1", http_proxy: "http://127.0.0.1:1", ALL_PROXY: "http://127.0.0.1:1" };

async function withProxy(
  options: ConnectProxyOptions,
  play: (proxy: Awaited<ReturnType<typeof startConnectProxy>>, url: string) => Promise<void>,
): Promise<void> {
  const proxy = await startConnectProxy(options);
  try {
    await play(proxy, proxy.url.replace("://", `://${credentials}@`));
  } finally {
    await proxy.stop();
  }
}

describe("a run through a proxy", function () {
  this.timeout(4 * endsWithinMs);
  const test = useStages();

  test("sends everything through it, and writes its user and password nowhere", async (stage) => {
    const mock = await stage.mock();
    await withProxy({ credentials }, async (proxy, url) => {
      const args = [
        "run",
        "-m",
        "mock",
        "-u",
        mock.url,
        "--streaming",
        "--concurrency",
        "4",
        "--request-count",
        "40",
        "--isl",
        "16",
      ];
      const output = [
        "--osl",
        "4",
        "--no-gpu-telemetry",
        "--artifact-dir",
        "out",
        "--log-file",
        "suite.log",
        "--export-http-trace",
      ];
      const command = stage.start([...args, ...output, "--proxy", url], stage.folder, unused);
      const { code, stdout, stderr } = await command.exit();
      expect(code, stderr).to.equal(0);
      const file = runFile(join(stage.folder, "out"));
      expect(file).to.include({ state: "COMPLETED", rows: 40 });
      expect(file.errors).to.deep.equal({ "": 40 });
      expectReconciled(file, { requests: 40 });
      expect(mock.stats().requests).to.equal(40);
      const { host } = new URL(mock.url);
      expect(proxy.heads.filter((head) => head.startsWith(`CONNECT ${host} `)).length).to.equal(proxy.heads.length);
      const records = readFileSync(join(stage.folder, "out/profile_export.jsonl"), "utf8").trim().split("\n");
      const ports = new Set(records.map((line) => JSON.parse(line).trace_data.remote_port));
      expect([...ports]).to.deep.equal([Number(new URL(proxy.url).port)]);
      const written = new Map([["stdout", stdout], ["stderr", stderr], ...filesBelow(stage.folder)]);
      expect([...written.keys()]).to.include.members(["out/run.db", "suite.log"]);
      for (const [name, text] of written)
        for (const secret of secrets) expect(text.includes(secret), `${secret} in ${name}`).to.equal(false);
      const placed = [...written].filter(([, text]) => text.includes(`http://***@${proxy.place}`)).map(([name]) => name);
      expect(placed).to.include("out/run.db");
    });
  });

  test("is refused before its first request, in one line, by a proxy that refuses", async (stage) => {
    const mock = await stage.mock();
    await withProxy({ credentials: "other:password" }, async (_proxy, url) => {
      const { code, stderr } = await stage.run(mock, "--ui", "none", "--proxy", url).exit();
      expect(code, stderr).to.equal(1);
      expect(stderr).to.match(
        /^assay run: the run failed: target not ready: GET \S+: proxy_refused: .* with status 407: who are you\?; are user and password.*\n$/,
      );
      expect(runFile(join(stage.folder, "out"))).to.include({ state: "FAILED", rows: 0 });
      expect(mock.stats().openConnections).to.equal(0);
    });
  });

  test("may be one request of assay send", async (stage) => {
    const mock = await stage.mock();
    await withProxy({ credentials }, async (proxy, url) => {
      const { code, stdout, stderr } = await stage.start(["send", "-m", "m", "-u", mock.url, "--proxy", url, "--json"]).exit();
      expect(code, stderr).to.equal(0);
      expect(JSON.parse(stdout)).to.include({ status: 200, remote_address: proxy.place });
      expect(proxy.heads).to.have.lengthOf(1);
      const refused = await stage.start(["send", "-m", "m", "-u", mock.url, "--proxy", proxy.url]).exit();
      expect(refused.code).to.equal(1);
      expect(refused.stderr).to.match(/failed in phase connect: proxy_refused: .* with status 407: who are you\?\n$/);
    });
  });
});

/** What is in the files below a folder, by their path in it. */
function filesBelow(folder: string): [name: string, text: string][] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
    .map((path) => [path.slice(folder.length + 1), readFileSync(path, "latin1")]);
}
