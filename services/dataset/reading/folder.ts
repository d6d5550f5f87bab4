/** Which files of a folder are a dataset's. */
import { readdirSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import { containerOfName } from "../core/containers/kind.ts";
import { isBelow } from "../readable-path.ts";
import { fileError, readError } from "./file-errors.ts";

export interface FolderFiles {
  /** Paths below the folder, in the order of their bytes. */
  readonly names: readonly string[];
  /** What else is in it, for people, one line each. */
  readonly leftOut: readonly string[];
}

/**
 * @param realPath where it is
 * @param path as errors name it
 * @param realRoot what it names by links must be below this folder
 * @throws where no file of it can be used
 */
export function folderFiles(realPath: string, path: string, realRoot: string): FolderFiles {
  const names: string[] = [];
  const others: Others = { hidden: 0, folders: [], strangers: [] };
  addFiles({ realPath, path, realRoot, below: "" }, names, others);
  // Recordings are often filed by date, in folders that hold folders alone.
  if (names.length === 0) {
    for (let below = others.folders.shift(); below !== undefined; below = others.folders.shift()) {
      addFiles({ realPath: join(realPath, below), path, realRoot, below: `${below}/` }, names, others);
    }
  }
  const leftOut = linesOf(others);
  if (names.length > 0) {
    names.sort((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
    return { names, leftOut };
  }
  const what = "holds no file that ends with .jsonl, .ndjson, .json, .csv or .parquet (.gz and .zst may follow)";
  throw fileError("invalid_argument", path, leftOut.length === 0 ? `${what}: it is empty` : `${what}, but ${leftOut.join(", ")}`);
}

/** What is no file of the dataset. */
interface Others {
  hidden: number;
  /** Paths below the folder. */
  readonly folders: string[];
  readonly strangers: string[];
}

interface Place {
  readonly realPath: string;
  readonly path: string;
  readonly realRoot: string;
  /** Path of the folder below the one that was given; empty: that one. */
  readonly below: string;
}

function addFiles({ realPath, path, realRoot, below }: Place, names: string[], others: Others): void {
  for (const entry of entriesOf(realPath, path)) {
    const { name } = entry;
    if (name.startsWith(".")) others.hidden++;
    else if (entry.isDirectory()) others.folders.push(below + name);
    else if (containerOfName(name) === undefined || !isUsable(join(realPath, name), entry.isSymbolicLink(), realRoot)) {
      others.strangers.push(below + name);
    } else names.push(below + name);
  }
}

/** Throws what is wrong with the path, by the name that errors have for it. */
export function isFolder(realPath: string, path: string): boolean {
  try {
    return statSync(realPath).isDirectory();
  } catch (error) {
    throw readError(path, error);
  }
}

function entriesOf(realPath: string, path: string) {
  try {
    return readdirSync(realPath, { withFileTypes: true });
  } catch (error) {
    throw readError(path, error);
  }
}

/** A file, and one that may be read. */
function isUsable(realPath: string, isLink: boolean, realRoot: string): boolean {
  try {
    if (isLink && !isBelow(realpathSync(realPath), realRoot)) return false;
    return statSync(realPath).isFile();
  } catch {
    // A link that leads nowhere.
    return false;
  }
}

function linesOf({ hidden, folders, strangers }: Others): string[] {
  const shown = strangers.slice(0, 3).join(", ");
  return [
    ...(hidden === 0 ? [] : [`${counted(hidden, "hidden file")}`]),
    ...(folders.length === 0 ? [] : [`${counted(folders.length, "folder")}`]),
    ...(strangers.length === 0
      ? []
      : [`${counted(strangers.length, "other file")} (${shown}${strangers.length > 3 ? ", …" : ""})`]),
  ];
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
