/** The files of a public dataset: from a folder of one's own, else from the store, else downloaded into it. */
import { statSync } from "node:fs";
import { join } from "node:path";
import { fileOfPart, isInParts, type PublicSet } from "../core/public-sets.ts";
import type { DatasetStore } from "./dataset-store.ts";
import { missingFile } from "./missing-file.ts";
import { StoredParts } from "./stored-parts.ts";

export interface PublicFileOptions {
  /** Where files of public datasets are looked for first; undefined: nowhere. */
  readonly folder: string | undefined;
  readonly store: DatasetStore | undefined;
  /** Where they are downloaded from; undefined: nowhere. */
  readonly baseUrl: string | undefined;
  /** For files that not everybody may have; sent to that host alone. */
  readonly token?: string | undefined;
  /** Of all files of a set together; those that would be too much are left out. */
  readonly maxBytes: number;
  /** Hears of the bytes that have come, and of all that will, 0: not known. */
  readonly onBytes?: ((doneBytes: number, totalBytes: number) => void) | undefined;
  /** Ends the download. */
  readonly signal: AbortSignal;
  /** How long the host may be silent. Default 30 000. */
  readonly silenceMs?: number | undefined;
}

export interface PublicFile {
  readonly name: string;
  readonly realPath: string;
}

export interface PublicFiles {
  /** At least one, in the order of their rows. */
  readonly files: readonly PublicFile[];
  /** Folder that they are in. */
  readonly root: string;
  /** There are more, which would be too much together. */
  readonly isCut: boolean;
  /** They have been read: until then the store keeps them. */
  release(): void;
}

/** Endings under which a set may lie in a folder of one's own. */
const ownEndings = [".parquet", ".jsonl", ".json", ".csv"].flatMap((ending) =>
  ["", ".gz", ".zst"].map((packed) => ending + packed),
);

/** Rejects with `unavailable`, which says what file is wanted and where it may be put, `resource_exhausted`, `data_loss`, `cancelled`. */
export async function publicFiles(set: PublicSet, options: PublicFileOptions): Promise<PublicFiles> {
  const { folder, store, baseUrl, maxBytes } = options;
  const own = folder === undefined ? [] : ownFiles(folder, set);
  if (folder !== undefined && own.length > 0) return { ...within(own, maxBytes), root: folder, release: () => {} };
  if (store === undefined) throw missingFile(set, options, { why: "there is no cache to download it into" });
  const stored = new StoredParts(set, store);
  const release = (): void => stored.release();
  try {
    if (!stored.hasAll(maxBytes, baseUrl !== undefined)) await stored.complete(options);
    const { files, isCut } = within(stored.files, maxBytes);
    return { files, root: store.folder, isCut: isCut || stored.isCut, release };
  } catch (error) {
    release();
    throw error;
  }
}

/** The file, or one of the same name that is written in another way, and those that follow it. */
function ownFiles(folder: string, set: PublicSet): PublicFile[] {
  const name = set.file.slice(0, set.file.lastIndexOf("."));
  const others = ownEndings.map((ending) => name + ending);
  const first = [set.file, ...others].find((each) => isFile(join(folder, each)));
  if (first === undefined) return [];
  const names = [first];
  for (let part = 1; first === set.file && isInParts(set) && isFile(join(folder, fileOfPart(set, part))); part++) {
    names.push(fileOfPart(set, part));
  }
  return names.map((each) => ({ name: each, realPath: join(folder, each) }));
}

/** As many of the files as are not too much together; the first whatever its size. */
function within(all: readonly PublicFile[], maxBytes: number): Pick<PublicFiles, "files" | "isCut"> {
  let bytes = 0;
  const over = all.findIndex(({ realPath }, index) => {
    bytes += statSync(realPath).size;
    return index > 0 && bytes > maxBytes;
  });
  return over < 0 ? { files: all, isCut: false } : { files: all.slice(0, over), isCut: true };
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}
