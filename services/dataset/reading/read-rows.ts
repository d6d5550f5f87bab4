/** The rows of all that a path names, a file or the files of a folder, given to a load. Everything here may block. */
import { realpathSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { loadCompiler } from "../../common/checks/compile.ts";
import { checkKinds } from "../../common/checks/expectation.ts";
import { csvRows } from "../core/containers/csv-rows.ts";
import { jsonLines } from "../core/containers/json-lines.ts";
import { jsonValues } from "../core/containers/json-values.ts";
import { type ContainerKind, containerOfName, shownContainers } from "../core/containers/kind.ts";
import type { RowContainer, RowItem } from "../core/containers/row-item.ts";
import type { FileLoad } from "../core/file-load.ts";
import type { RowSource } from "../core/formats/format.ts";
import type { OnProgress } from "../progress.ts";
import { beginningOf, kindOf } from "./beginning.ts";
import { ByteBudget } from "./byte-budget.ts";
import { folderFiles, isFolder } from "./folder.ts";
import { OpenFile } from "./open-file.ts";
import { uncompressedFile } from "./uncompressed-file.ts";

export interface ReadOptions {
  /** As errors name it. */
  readonly path: string;
  /** Where it really is. */
  readonly realPath: string;
  /** All of its files in the order of their rows, where they are several and no folder's: of these are read as many rows as the limit allows. */
  readonly parts?: readonly SourcePart[] | undefined;
  /** Folder that everything must be below, links followed; absolute. */
  readonly root: string;
  /** Of all files together, uncompressed. */
  readonly maxFileBytes: number;
  /** Longest row that is read. */
  readonly maxRowBytes: number;
  /** Whether every row is wanted: what is too large is then refused before it is read. */
  readonly wantsAll: boolean;
  /** Hears of what was read so far, after each piece. */
  readonly onProgress: OnProgress;
  /** Asked where rows wait for it, once. */
  readonly tokenCounter: () => Promise<(text: string) => number>;
}

export interface SourcePart {
  readonly name: string;
  readonly realPath: string;
}

/** A document is one row, which many turns are made of. */
const maxDocumentBytes = 256 << 20;

/** Until the load has enough, or throws. Throws what is wrong with a file as a whole, too; all of it names the file. */
export async function readRows(load: FileLoad, options: ReadOptions): Promise<void> {
  const { path, realPath, root, maxFileBytes, parts } = options;
  const budget = new ByteBudget(path, maxFileBytes);
  if (parts !== undefined) return readParts(load, { ...options, parts }, budget);
  if (!isFolder(realPath, path)) {
    const reader = new FileReader(load, options, { budget, totalBytes: sizeOf(realPath) });
    return reader.read(realPath, path, { file: basename(path), isInFolder: false });
  }
  const { names, leftOut } = folderFiles(realPath, path, realpathSync(root));
  const totalBytes = names.reduce((sum, name) => sum + sizeOf(join(realPath, name)), 0);
  const reader = new FileReader(load, options, { budget, totalBytes });
  load.leaveOut(leftOut);
  for (const name of names) {
    if (load.isFull) return;
    await reader.read(join(realPath, name), join(path, name), { file: name, isInFolder: true });
  }
}

/** Nobody has chosen how large the set is that he named. What is too much of it is left out, and that is said. */
async function readParts(
  load: FileLoad,
  { parts, ...options }: ReadOptions & { readonly parts: readonly SourcePart[] },
  budget: ByteBudget,
): Promise<void> {
  const totalBytes = parts.reduce((sum, { realPath }) => sum + sizeOf(realPath), 0);
  const reader = new FileReader(load, { ...options, wantsAll: false }, { budget, totalBytes });
  try {
    for (const { name, realPath } of parts) {
      if (load.isFull) return;
      await reader.read(realPath, `${options.path}/${name}`, { file: name, isInFolder: true });
    }
  } catch (error) {
    if (!budget.isSpent || load.rows === 0) throw error;
    load.note(`its first ${load.rows} rows were read, all have more than ${options.maxFileBytes} bytes (--max-dataset-bytes)`);
  }
}

interface AllFiles {
  readonly budget: ByteBudget;
  /** Of all files, as they are stored. */
  readonly totalBytes: number;
}

class FileReader {
  readonly #load: FileLoad;
  readonly #options: ReadOptions;
  readonly #budget: ByteBudget;
  readonly #totalBytes: number;
  /** Of the files before this one. */
  #formerBytes = 0;
  #file: OpenFile | undefined;

  constructor(load: FileLoad, options: ReadOptions, { budget, totalBytes }: AllFiles) {
    this.#load = load;
    this.#options = options;
    this.#budget = budget;
    this.#totalBytes = totalBytes;
  }

  async read(realPath: string, path: string, source: Pick<RowSource, "file" | "isInFolder">): Promise<void> {
    const file = new OpenFile(realPath, path);
    this.#file = file;
    const pieces = file.pieces();
    try {
      if (file.compression === undefined && this.#options.wantsAll) this.#budget.check(file.sizeBytes);
      const begun = await beginningOf(pieces);
      const kind = kindOf(source.file, begun);
      const container = "refusal" in kind ? (containerOfName(source.file) ?? "jsonl") : kind.name;
      this.#load.enter({ ...source, container });
      if ("refusal" in kind) {
        this.#load.take({ kind: "mistake", mistake: { line: 0, column: 0, message: kind.refusal } });
      } else if (kind.form === "parquet") {
        await this.#takeParquet(file);
      } else await this.#takeText(kind, begun, pieces);
    } finally {
      await pieces.return(undefined);
      file.close();
      this.#formerBytes += file.sizeBytes;
      this.#file = undefined;
    }
  }

  async #takeText(kind: ContainerKind, begun: readonly Uint8Array[], pieces: AsyncGenerator<Uint8Array>): Promise<void> {
    const container = this.#containerOf(kind);
    const take = this.#taker(kind);
    for (const piece of begun) {
      this.#budget.take(piece.length);
      container.push(piece, take);
    }
    await this.#settle();
    while (!this.#load.isFull) {
      const { value: piece, done } = await pieces.next();
      if (done) {
        container.end(take);
        return this.#settle();
      }
      this.#budget.take(piece.length);
      container.push(piece, take);
      await this.#settle();
    }
  }

  async #settle(): Promise<void> {
    while (this.#load.awaited !== undefined) {
      if (this.#load.awaited === "counter") this.#load.countBy(await this.#options.tokenCounter());
      else this.#load.compileBy(await loadCompiler(checkKinds));
    }
    const { readBytes = 0, sizeBytes = 0 } = this.#file ?? {};
    // What is read at any place may be read again.
    const doneBytes = this.#formerBytes + Math.min(readBytes, sizeBytes);
    this.#options.onProgress({ step: "read", rows: this.#load.rows, doneBytes, totalBytes: this.#totalBytes });
  }

  async #takeParquet(file: OpenFile): Promise<void> {
    // What it brings takes a while to load.
    const { parquetRows } = await import("./parquet-rows.ts");
    const source = file.compression === undefined ? file : await uncompressedFile(file, this.#budget);
    try {
      for await (const item of parquetRows(source, this.#budget)) {
        this.#load.take(item);
        await this.#settle();
        if (this.#load.isFull) return;
      }
    } finally {
      if (source !== file) source.close();
    }
  }

  #containerOf({ form }: ContainerKind): RowContainer {
    const { maxRowBytes } = this.#options;
    if (form === "csv") return csvRows(maxRowBytes);
    return form === "values" ? jsonValues({ maxRowBytes, maxDocumentBytes }) : jsonLines(maxRowBytes);
  }

  /** Of a file that has not given a row yet, a mistake may be that it is read as what it is not. */
  #taker({ name, by }: ContainerKind): (item: RowItem) => void {
    let hasRow = false;
    return (item) => {
      hasRow ||= item.kind === "row";
      if (hasRow || item.kind === "row") return this.#load.take(item);
      const message = `${item.mistake.message} (read as ${shownContainers[name]}, by ${by})`;
      this.#load.take({ kind: "mistake", mistake: { ...item.mistake, message } });
    };
  }
}

/** 0 for what is not there: opening it says so. */
function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
