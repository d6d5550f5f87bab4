/**
 * Work that would hold up an event loop, as a thread does it: reading a file, loading a tokenizer. Everything here may block, and
 * ends with its thread.
 */
import { closeSync, openSync, readSync, statSync } from "node:fs";
import { basename } from "node:path";
import { AssayError, messageOf } from "../../common/errors.ts";
import { loadTokenizer } from "../../common/tokenizer/load.ts";
import type { TokenizerSource } from "../../common/tokenizer/source.ts";
import { jsonLines } from "../core/containers/json-lines.ts";
import type { RowItem } from "../core/containers/row-item.ts";
import type { Corpus } from "../core/corpus.ts";
import { FileLoad, type FileLoadOptions, type LoadedFile } from "../core/file-load.ts";
import { transferableOf } from "../core/packed-rows.ts";
import { cutsExactly, recountCorpus } from "../core/recount.ts";
import { transferableTurns } from "../core/turn-collector.ts";
import { loadProse } from "../corpus/load.ts";
import { readablePath } from "../readable-path.ts";

export interface FileJob {
  readonly kind: "file";
  readonly load: FileLoadOptions;
  /** Where `load.path` really is. */
  readonly realPath: string;
  readonly maxFileBytes: number;
  /** Longest row that is read. */
  readonly maxRowBytes: number;
}

export interface CorpusJob {
  readonly kind: "corpus";
  readonly tokenizer: TokenizerSource;
  /** Folder that the tokenizer may be read from; undefined: from none. */
  readonly root: string | undefined;
}

export type Job = FileJob | CorpusJob;

/** The built-in prose in a tokenizer's vocabulary. */
export interface RecountedCorpus {
  readonly corpus: Corpus;
  /** Prompts cut from it have the length asked for to the token. */
  readonly isExact: boolean;
}

export interface JobResults {
  readonly file: LoadedFile;
  readonly corpus: RecountedCorpus;
}

/** What a job gives, and what of it goes to another thread uncopied. */
export interface JobOutcome {
  readonly result: JobResults[Job["kind"]];
  readonly transfer: readonly ArrayBuffer[];
}

/** Does a job; `onRows` hears of the rows read so far. Throws an AssayError that names the field of the spec. */
export async function doJob(job: Job, onRows: (rows: number) => void): Promise<JobOutcome> {
  switch (job.kind) {
    case "file": {
      const result = loadFile(job, onRows);
      return { result, transfer: [...transferableOf(result.turns), ...transferableTurns(result)] };
    }
    case "corpus":
      return { result: await recount(job), transfer: [] };
  }
}

const pieceBytes = 1 << 20;

function loadFile({ load: options, realPath, maxFileBytes, maxRowBytes }: FileJob, onRows: (rows: number) => void): LoadedFile {
  const load = new FileLoad(options);
  load.enter({ file: basename(options.path), isInFolder: false, container: "jsonl" });
  const container = jsonLines(maxRowBytes);
  const take = (item: RowItem): void => load.take(item);
  const piece = new Uint8Array(pieceBytes);
  const file = openFile(realPath, options.path);
  try {
    let bytes = 0;
    for (let read = readSync(file, piece); read > 0 && !load.isFull; read = readSync(file, piece)) {
      bytes += read;
      if (bytes > maxFileBytes) {
        throw fileError("resource_exhausted", options.path, `has more than ${maxFileBytes} bytes (--max-dataset-bytes)`);
      }
      container.push(piece.subarray(0, read), take);
      onRows(load.rows);
    }
  } catch (error) {
    if (error instanceof AssayError) throw error;
    throw fileError("invalid_argument", options.path, `cannot be read: ${messageOf(error)}`, error);
  } finally {
    closeSync(file);
  }
  container.end(take);
  return load.end();
}

function openFile(realPath: string, path: string): number {
  try {
    const found = statSync(realPath);
    if (found.isDirectory()) throw fileError("invalid_argument", path, "is a folder, a file is needed");
    // Opening a pipe would wait for whoever writes into it.
    if (!found.isFile()) throw fileError("invalid_argument", path, "is no file");
    return openSync(realPath, "r");
  } catch (error) {
    if (error instanceof AssayError) throw error;
    throw fileError("invalid_argument", path, `cannot be read: ${messageOf(error)}`, error);
  }
}

function fileError(
  code: "invalid_argument" | "resource_exhausted",
  path: string,
  description: string,
  cause?: unknown,
): AssayError {
  return new AssayError(code, `${path}: ${description}`, {
    cause,
    metadata: { file: path },
    violations: [{ field: "dataset.file.path", description }],
  });
}

async function recount({ tokenizer, root }: CorpusJob): Promise<RecountedCorpus> {
  const prose = loadProse();
  const count = await loadTokenizer(tokenizer, (path) => readablePath(path, root, "tokenizer.name"));
  if (count === undefined) return { corpus: prose, isExact: true };
  const corpus = recountCorpus(prose, count);
  return { corpus, isExact: cutsExactly(corpus, count) };
}
