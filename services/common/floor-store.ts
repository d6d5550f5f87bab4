/** Where floors are kept: one small file in the folder of the catalog, a floor for each boot, Node and version of Assay. */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import type { Floor } from "./floor.ts";
import { readClockIdentity } from "./member/suite-clock.ts";
import { version } from "./version.ts";

const fileName = "floors.json";
/** Older ones are forgotten. */
const keptFloors = 8;

interface Stored {
  readonly key: string;
  readonly floor: Floor;
}

/** The usual folder of the catalog. */
export function defaultRunsDir(env: Readonly<Record<string, string | undefined>>): string {
  return join(env.XDG_DATA_HOME ?? join(homedir(), ".local", "share"), "assay", "runs");
}

/** What a floor holds for: this boot of this host, this Node, this version. */
function floorKey(): string {
  return `${readClockIdentity().bootId} ${process.version} ${version}`;
}

/** The floor of this key; undefined: none was measured, or its file cannot be read. */
export function readFloor(runsDir: string, key = floorKey()): Floor | undefined {
  return storedIn(runsDir).find((stored) => stored.key === key)?.floor;
}

/** Keeps a floor, in place of an earlier one of the same key. Throws where the folder cannot be written. */
export function writeFloor(runsDir: string, floor: Floor, key = floorKey()): void {
  const others = storedIn(runsDir).filter((stored) => stored.key !== key);
  const path = join(runsDir, fileName);
  const whole = `${path}.${process.pid}`;
  mkdirSync(runsDir, { recursive: true });
  try {
    writeFileSync(whole, `${JSON.stringify([{ key, floor }, ...others].slice(0, keptFloors), null, 2)}\n`);
    renameSync(whole, path);
  } finally {
    rmSync(whole, { force: true });
  }
}

/** Newest first. A file that is not ours to read, or not whole, is as good as none: measuring again writes it anew. */
function storedIn(runsDir: string): readonly Stored[] {
  try {
    const stored: unknown = JSON.parse(readFileSync(join(runsDir, fileName), "utf8"));
    return Array.isArray(stored) ? stored.filter(isStored) : [];
  } catch {
    return [];
  }
}

function isStored(value: unknown): value is Stored {
  if (typeof value !== "object" || value === null || !("key" in value) || !("floor" in value)) return false;
  const { floor } = value;
  return typeof floor === "object" && floor !== null && "pacing" in floor && "stamps" in floor;
}
