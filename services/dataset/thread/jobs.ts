/**
 * Work that would hold up an event loop, as a thread does it: reading a file, loading a tokenizer. Everything here may block, and
 * ends with its thread.
 */
import { AssayError } from "../../common/errors.ts";
import { loadChatCounter, loadTokenizer, locateTokenizer } from "../../common/tokenizer/load.ts";
import { isCorpusEncoding, type TokenCounter, type TokenizerSource } from "../../common/tokenizer/source.ts";
import type { Corpus } from "../core/corpus.ts";
import { FileLoad, type FileLoadOptions, type LoadedFile, type MadeOf } from "../core/file-load.ts";
import { type ArenaSink, transferableOf } from "../core/packed-rows.ts";
import { cutsExactly, recountCorpus } from "../core/recount.ts";
import { type TemplateTokens, templateTokens } from "../core/template-tokens.ts";
import { transferableTurns } from "../core/turn-collector.ts";
import { type CorpusName, loadCorpus } from "../corpus/load.ts";
import { loadingTokenizer, type OnProgress } from "../progress.ts";
import { readablePath } from "../readable-path.ts";
import { ByteBudget } from "../reading/byte-budget.ts";
import { anywhere, looksOf, MediaFiles } from "../reading/media-files.ts";
import { readRows, type SourcePart } from "../reading/read-rows.ts";
import type { StoredRun } from "../replay/stored-run.ts";
import type { StoreOptions } from "../store/dataset-store.ts";
import { type PreparedTurns, prepareTurns } from "../store/prepare-turns.ts";

export interface FileJob {
  readonly kind: "file";
  readonly load: FileLoadOptions;
  /** Where that really is. */
  readonly realPath: string;
  /** All of its files in the order of their rows, where they are several and no folder's. */
  readonly parts?: readonly SourcePart[] | undefined;
  /** Folder that everything must be below, links followed. */
  readonly root: string;
  readonly maxFileBytes: number;
  /** Longest row that is read. */
  readonly maxRowBytes: number;
  /** Folder that files which rows name are relative to; undefined: there are none beside the dataset. */
  readonly folder: string | undefined;
  /** For formats that count tokens. */
  readonly tokenizer: {
    /** As a user wrote it. */
    readonly name: string;
    readonly source: TokenizerSource;
    /** Folder that it may be read from; undefined: from none. */
    readonly root: string | undefined;
  };
  /** Where what is prepared is kept, and what its file is called until it is whole; undefined: in memory. */
  readonly store?: (StoreOptions & { readonly temporary: string }) | undefined;
}

export interface CorpusJob {
  readonly kind: "corpus";
  readonly name: CorpusName;
  readonly tokenizer: TokenizerSource;
  /** Folder that the tokenizer may be read from; undefined: from none. */
  readonly root: string | undefined;
  /** What the tokenizer's chat template adds is wanted. */
  readonly isTemplated: boolean;
}

export interface RunJob {
  readonly kind: "run";
  /** Folder of a run that is over. */
  readonly folder: string;
}

export type Job = FileJob | CorpusJob | RunJob;

/** A built-in corpus in a tokenizer's vocabulary. */
export interface RecountedCorpus {
  readonly corpus: Corpus;
  /** Prompts cut from it have the length asked for to the token. */
  readonly isExact: boolean;
  /** What the chat template adds; absent: it was not asked for, or there is none. */
  readonly template?: TemplateTokens;
}

export interface JobResults {
  readonly file: PreparedTurns;
  readonly run: StoredRun;
  readonly corpus: RecountedCorpus;
}

/** What a job gives, and what of it goes to another thread uncopied. */
export interface JobOutcome {
  readonly result: JobResults[Job["kind"]];
  readonly transfer: readonly ArrayBuffer[];
}

/** Does a job; `onProgress` hears how far it is, often. Throws an AssayError that names the field of the spec. */
export async function doJob(job: Job, onProgress: OnProgress): Promise<JobOutcome> {
  switch (job.kind) {
    case "file": {
      const result = await prepareTurns(job, (sink) => loadFile(job, sink, onProgress), onProgress);
      if (result.kind === "stored") return { result, transfer: [] };
      return { result, transfer: [...transferableOf(result.file.turns), ...transferableTurns(result.file)] };
    }
    case "corpus":
      onProgress(loadingTokenizer);
      return { result: await recount(job), transfer: [] };
    case "run": {
      // What it brings takes a while to load.
      const { readStoredRun } = await import("../replay/stored-run.ts");
      return { result: readStoredRun(job.folder), transfer: [] };
    }
  }
}

async function loadFile(
  { load: options, tokenizer, folder, ...where }: FileJob,
  sink: ArenaSink | undefined,
  onProgress: OnProgress,
): Promise<LoadedFile> {
  const { path, maxConversations } = options;
  const { root, maxFileBytes } = where;
  const media = new MediaFiles({ folder, root, budget: new ByteBudget(path, maxFileBytes) });
  const load = new FileLoad(options, { readMedia: (file, medium) => media.read(file, medium) }, sink);
  let counter: NamedCounter | undefined;
  const tokenCounter = async (): Promise<TokenCounter> => {
    onProgress(loadingTokenizer);
    counter = await namedCounter(tokenizer);
    return counter.count;
  };
  const wantsAll = maxConversations === Number.POSITIVE_INFINITY;
  await readRows(load, { ...where, path, wantsAll, onProgress, tokenCounter });
  const { looks } = media;
  return { ...load.end(), beside: { folder: looks.size === 0 ? undefined : folder, looks, tokenizer: counter?.about } };
}

interface NamedCounter {
  readonly count: TokenCounter;
  readonly about: MadeOf["tokenizer"];
}

async function namedCounter({ name, source, root }: FileJob["tokenizer"]): Promise<NamedCounter> {
  const resolvePath = (path: string): Promise<string> => readablePath(path, root, "tokenizer.name");
  const count = await loadTokenizer(source, resolvePath);
  if (count === undefined) {
    const description = `the dataset is measured in tokens, and ${name} counts none`;
    throw new AssayError("invalid_argument", `tokenizer.name: ${description}`, {
      violations: [{ field: "tokenizer.name", description }],
    });
  }
  const file = source.kind === "path" ? await locateTokenizer(source, resolvePath) : "";
  return { count, about: { name, file, looks: looksOf(file, anywhere) } };
}

async function recount({ name, tokenizer, root, isTemplated }: CorpusJob): Promise<RecountedCorpus> {
  const corpus = loadCorpus(name);
  if (isCorpusEncoding(tokenizer)) return { corpus, isExact: true };
  const resolve = (path: string): Promise<string> => readablePath(path, root, "tokenizer.name");
  const count = await loadTokenizer(tokenizer, resolve);
  if (count === undefined) return { corpus, isExact: true };
  const recounted = recountCorpus(corpus, count);
  const countChat = isTemplated ? await loadChatCounter(tokenizer, resolve) : undefined;
  return {
    corpus: recounted,
    isExact: cutsExactly(recounted, count),
    ...(countChat === undefined ? {} : { template: templateTokens(countChat, count) }),
  };
}
