/** What of this program decides how a file is read: a prepared dataset of another one may say something else. */
import { readdirSync, statSync } from "node:fs";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { commit, version } from "../../common/version.ts";

/** Of a build its version and commit; of the sources their version and when the newest of them was changed. */
export function readerVersion(): string {
  return extname(import.meta.url) === ".ts" ? `${version} ${newestChangeMs()}` : `${version} ${commit()}`;
}

function newestChangeMs(): number {
  const folder = fileURLToPath(new URL("../core", import.meta.url));
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" });
  return files.reduce((newest, file) => Math.max(newest, statSync(`${folder}/${file}`).mtimeMs), 0);
}
