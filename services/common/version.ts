/** Assay's own version, and that of the protocols between its services. */
import { readFileSync } from "node:fs";

/** Members of another protocol version are refused. */
export const protocolVersion = 1;

/** As in package.json. */
export const version: string = readVersion();

function readVersion(): string {
  for (const path of ["../../package.json", "../package.json"]) {
    try {
      const found: unknown = JSON.parse(readFileSync(new URL(path, import.meta.url), "utf8"));
      if (typeof found === "object" && found !== null && "version" in found && "name" in found && found.name === "assay") {
        return String(found.version);
      }
    } catch {
      // Sources and bundle lie at different depths below package.json; the next place is tried.
    }
  }
  return "0.0.0";
}
