/** Assay's own version, the commit that it was built from, and the version of the protocols between its services. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Members of another protocol version are refused. */
export const protocolVersion = 1;

/** What `scripts/build.mjs` puts in its place; there is none where the sources run. */
declare const ASSAY_BUILD: { readonly version: string; readonly commit: string };

const stamp = typeof ASSAY_BUILD === "undefined" ? undefined : ASSAY_BUILD;
const gitMs = 2_000;

/** As in package.json. */
export const version: string = stamp?.version ?? versionOfManifest();

let found: string | undefined;

/** The commit, abbreviated: that of the build; of the sources, what git says, asked at the first call; `unknown` without git. */
export function commit(): string {
  found ??= stamp?.commit ?? commitOfSources();
  return found;
}

/** `assay 0.1.0 (commit 1f33c05, Node v24.21.0)`. */
export function versionLine(): string {
  return `assay ${version} (commit ${commit()}, Node ${process.version})`;
}

function versionOfManifest(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  return typeof manifest === "object" && manifest !== null && "version" in manifest ? String(manifest.version) : "0.0.0";
}

function commitOfSources(): string {
  const root = fileURLToPath(new URL("../..", import.meta.url));
  const { status, stdout } = spawnSync("git", ["-C", root, "rev-parse", "--show-prefix", "--short", "HEAD"], {
    encoding: "utf8",
    timeout: gitMs,
    stdio: ["ignore", "pipe", "ignore"],
  });
  // A prefix that is not empty: the sources lie in another project's repository, and its commit says nothing of them.
  const [prefix, hash = ""] = status === 0 ? stdout.split("\n") : ["none"];
  return prefix === "" && hash !== "" ? hash : "unknown";
}
