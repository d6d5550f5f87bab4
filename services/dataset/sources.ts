/** From what a spec says of a dataset to the dataset. What takes long is done in a thread. */
import { basename } from "node:path";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type CheckSpec,
  type DatasetSpec,
  DatasetSpecSchema,
  type FileDataset,
  FileDatasetSchema,
  type ReplayDataset,
  type SyntheticDataset,
  type TraceSynthesis as WireSynthesis,
} from "../../gen/assay/common/v1/run_spec_pb.js";
import {
  type DatasetFileSchema,
  type DatasetInfo,
  DatasetInfoSchema,
  type WindowSessionsSchema,
} from "../../gen/assay/dataset/v1/dataset_pb.js";
import { loadCompiler } from "../common/checks/compile.ts";
import { checkKindNamed, isCompiled } from "../common/checks/expectation.ts";
import { asFileSource } from "../common/dataset-source.ts";
import { AssayError, messageOf } from "../common/errors.ts";
import { didYouMean } from "../common/nearest.ts";
import { expectedTokenizer, isCorpusEncoding, type TokenizerSource, tokenizerSource } from "../common/tokenizer/source.ts";
import { fileDataset, summarizeFile } from "./core/file-dataset.ts";
import type { LoadedFile } from "./core/file-load.ts";
import { formatNamed, formats } from "./core/formats/catalog.ts";
import type { TraceOptions } from "./core/formats/format.ts";
import type { PrefixStats } from "./core/prefix-survey.ts";
import { rankingsDataset } from "./core/rankings.ts";
import { syntheticDataset } from "./core/synthesis.ts";
import { countWithin, rangeOf, type TimeWindow } from "./core/time-windows.ts";
import { promptMaker } from "./core/trace-prompt.ts";
import type { TraceSynthesis } from "./core/trace-synthesis.ts";
import { type Dataset, type DatasetSummary, summarizeDataset } from "./core/turns.ts";
import { type CorpusName, corpusNames, loadCorpus } from "./corpus/load.ts";
import { addMedia, hasMedia } from "./media/synthetic-media.ts";
import type { OnProgress } from "./progress.ts";
import { type PlaceLimits, placeOf } from "./source-place.ts";
import type { CorpusJob, RecountedCorpus } from "./thread/jobs.ts";

const defaultInputTokens = 550;
const defaultEntries = 100;
/** A recorded session of an agent, all of its requests in a row, has tens of MiB; what a turn may have is bounded where it is kept. */
const maxRowBytes = 64 << 20;
/** What members are told of the turns fits into a message of the suite, beside the spec. */
const maxHandleBytes = 14 << 20;

export interface DatasetRequest {
  readonly dataset: DatasetSpec | undefined;
  /** `tokenizer.name` of the spec. */
  readonly tokenizer: string;
  /** Where the run's requests go. */
  readonly endpointPath: string;
  /** `tokenizer.revision` of the spec. Default: none. */
  readonly tokenizerRevision?: string;
  /** `tokenizer.apply_chat_template` of the spec. Default: false. */
  readonly isTemplated?: boolean;
  readonly seed: number;
  /** Parts of the dataset's time whose sessions are counted. Default: none. */
  readonly windows?: readonly TimeWindow[];
}

export type SourceLimits = PlaceLimits;

export interface LoadOptions {
  readonly limits: SourceLimits;
  /** Ends the work. */
  readonly signal: AbortSignal;
  readonly onProgress: OnProgress;
}

export interface LoadedDataset {
  readonly dataset: Dataset;
  /** Without an id. */
  readonly info: DatasetInfo;
  /** Pauses before the turns, as `DelayPacker` packs them; empty: no turn waits. */
  readonly turnDelays: Uint8Array;
  /** Moments of the turns, as `TimestampPacker` packs them; empty: none has any. */
  readonly turnTimestamps: Uint8Array;
  /** How conversations begin others, as `packBranches` packs it; empty: none does. */
  readonly branches: Uint8Array;
  /** Of the conversations in weighted draws; empty: all the same. */
  readonly weights: Float64Array;
  /** It is not asked for turns any more. */
  close(): void;
}

/** Throws an AssayError that names the field: see `PrepareDataset` in the proto. */
export async function loadDataset(request: DatasetRequest, options: LoadOptions): Promise<LoadedDataset> {
  const source = request.dataset && asFileSource(request.dataset.source);
  const { isTemplated = false } = request;
  const tokenizer = tokenizerSource(request.tokenizer, request.tokenizerRevision);
  if (tokenizer === undefined) {
    const description = `must be ${expectedTokenizer}, got ${request.tokenizer}`;
    throw new AssayError("invalid_argument", `tokenizer.name: ${description}`, {
      violations: [{ field: "tokenizer.name", description }],
    });
  }
  await proveCheck(request.dataset?.check);
  switch (source?.case) {
    case undefined:
    case "synthetic": {
      const name = corpusNameOf(source?.case === "synthetic" ? source.value.corpus : "");
      return synthesize(source?.value, request, await corpusOf({ name, tokenizer, isTemplated }, options), options);
    }
    case "file":
      // It is not needed here, but by those who count: found out now, not when the run has begun.
      if (tokenizer.kind === "path" || tokenizer.kind === "package" || tokenizer.kind === "hub")
        await corpusOf({ name: "prose", tokenizer, isTemplated }, options);
      return loadFile(source.value, request, tokenizer, options);
    case "replay":
      return replay(source.value, request, options);
    default:
      throw new AssayError("unimplemented", `dataset.${source?.case}: not supported by this version`);
  }
}

/** What is expected of all answers can be checked. Throws `invalid_argument` where it cannot. */
async function proveCheck({ kind = "", value = "" }: Partial<CheckSpec> = {}): Promise<void> {
  const check = checkKindNamed(kind);
  if (check === undefined || value === "" || !isCompiled(check)) return;
  const compile = await loadCompiler([check]);
  try {
    compile({ check, values: [value] });
  } catch (error) {
    const description = messageOf(error);
    throw new AssayError("invalid_argument", `dataset.check.value: ${description}`, {
      cause: error,
      violations: [{ field: "dataset.check.value", description }],
    });
  }
}

async function replay(given: ReplayDataset, request: DatasetRequest, options: LoadOptions): Promise<LoadedDataset> {
  const { limits, signal, onProgress } = options;
  const { loadReplay } = await import("./replay/replay-source.ts");
  const { runJob } = await import("./thread/run-job.ts");
  const { summary, dataset, close, description, warnings } = await loadReplay(given, {
    root: limits.root,
    readRun: (folder) => runJob<"run">({ kind: "run", folder }, signal, onProgress),
    loadInputs(path) {
      const file = create(FileDatasetSchema, { path, format: "inputs_json" });
      return loadDataset({ ...request, dataset: fileSpec(file) }, options);
    },
    loadSpec: ({ dataset: spec, tokenizer, randomSeed = 0n }) =>
      loadDataset(
        {
          ...request,
          dataset: spec,
          tokenizer: tokenizer?.name ?? "",
          tokenizerRevision: tokenizer?.revision ?? "",
          isTemplated: tokenizer?.applyChatTemplate ?? false,
          seed: Number(randomSeed),
        },
        options,
      ),
  });
  try {
    return { ...loadedOf(dataset, summary, { description, warnings, windows: request.windows ?? [] }), close };
  } catch (error) {
    close();
    throw error;
  }
}

function fileSpec(file: FileDataset): DatasetSpec {
  return create(DatasetSpecSchema, { source: { case: "file", value: file } });
}

/** The vocabulary of the random words is loaded in the thread, too. */
async function corpusOf(
  { name, tokenizer, isTemplated }: Pick<CorpusJob, "name" | "tokenizer" | "isTemplated">,
  { limits, signal, onProgress }: LoadOptions,
): Promise<RecountedCorpus> {
  const isReady = name !== "random" && (tokenizer.kind === "none" || isCorpusEncoding(tokenizer));
  if (isReady) return { corpus: loadCorpus(name), isExact: true };
  const { runJob } = await import("./thread/run-job.ts");
  return runJob({ kind: "corpus", name, tokenizer, isTemplated, root: limits.root }, signal, onProgress);
}

/** The controller lets no other through. */
function corpusNameOf(name = ""): CorpusName {
  return corpusNames.find((known) => known === name) ?? "prose";
}

async function synthesize(
  synthetic: SyntheticDataset | undefined,
  request: DatasetRequest,
  made: RecountedCorpus,
  { limits, signal, onProgress }: LoadOptions,
): Promise<LoadedDataset> {
  const { seed, tokenizer, isTemplated = false } = request;
  const { isExact, template } = made;
  const dataset = synthetic?.rankings === undefined ? promptsOf(synthetic, request, made) : rankingsOf(synthetic, request, made);
  const summary = summarizeDataset(dataset);
  const bare = `tokenizer ${tokenizer} has no chat template: inputs are counted as the text that they are`;
  const isBare = isTemplated && template === undefined;
  const description = `synthetic ${synthetic?.rankings === undefined ? corpusNameOf(synthetic?.corpus) : "rankings"}`;
  const warnings = [...(isExact ? [] : [aboutLengths(tokenizer)]), ...(isBare ? [bare] : [])];
  if (synthetic === undefined || !hasMedia(synthetic)) return loadedOf(dataset, summary, { description, warnings });
  const media = await addMedia(dataset, summary, synthetic, { seed, root: limits.root, signal, onProgress });
  try {
    const info = { description: `${description} with ${media.description}`, warnings: [...warnings, ...media.warnings] };
    return { ...loadedOf(media.dataset, summary, info), close: media.close };
  } catch (error) {
    media.close();
    throw error;
  }
}

function rankingsOf(
  { rankings }: SyntheticDataset,
  { dataset: spec, seed }: DatasetRequest,
  { corpus, isExact }: RecountedCorpus,
): Dataset {
  return rankingsDataset(corpus, {
    size: Number(spec?.entries ?? defaultEntries),
    seed,
    passages: rankings?.passages ?? { mean: 1, stddev: 0 },
    passageTokens: rankings?.passageTokens ?? { mean: defaultInputTokens, stddev: 0 },
    queryTokens: rankings?.queryTokens ?? { mean: defaultInputTokens, stddev: 0 },
    isExact,
  });
}

function promptsOf(
  synthetic: SyntheticDataset | undefined,
  { dataset: spec, seed }: DatasetRequest,
  { corpus, isExact, template }: RecountedCorpus,
): Dataset {
  return syntheticDataset(corpus, {
    size: Number(spec?.entries ?? defaultEntries),
    seed,
    inputTokens: synthetic?.inputTokens ?? { mean: defaultInputTokens, stddev: 0 },
    outputTokens: synthetic?.outputTokens,
    lengthMix: (synthetic?.lengthMix ?? []).map(({ inputTokens, outputTokens, weight }) => ({
      inputTokens: inputTokens ?? { mean: defaultInputTokens, stddev: 0 },
      outputTokens,
      weight,
    })),
    preface: {
      prefixes: synthetic?.prefixCount ?? 0,
      prefixTokens: synthetic?.prefixTokens ?? 0,
      systemTokens: synthetic?.sharedSystemTokens ?? 0,
      contextTokens: synthetic?.userContextTokens ?? 0,
    },
    turns: synthetic?.turns ?? { mean: 1, stddev: 0 },
    turnDelayMs: synthetic?.turnDelayMs ?? { mean: 0, stddev: 0 },
    turnDelayRatio: spec?.turnDelayRatio ?? 1,
    isExact,
    textBatchSize: synthetic?.textBatchSize ?? 1,
    ...(template === undefined ? {} : { overhead: template }),
  });
}

async function loadFile(
  given: FileDataset,
  { dataset: spec, seed, tokenizer, tokenizerRevision, endpointPath, windows = [] }: DatasetRequest,
  source: TokenizerSource,
  options: LoadOptions,
): Promise<LoadedDataset> {
  const { limits, signal, onProgress } = options;
  const { path, name: givenName, format, onBadRow, outputTokens } = given;
  if (format !== "" && formatNamed(format) === undefined) throw unknownFormat(format);
  const place = await placeOf(given, limits, options);
  const shownName = givenName === "" ? place.name : givenName;
  const shownFormat = format === "" ? place.format : format;
  const name = shownName === "" ? basename(path) : shownName;
  const load = {
    path: shownName === "" ? path : shownName,
    format: formatNamed(shownFormat)?.name,
    isSkipping: onBadRow === "skip",
    seed,
    maxConversations: Number(spec?.entries ?? Number.POSITIVE_INFINITY),
    blockTokens: given.blockTokens,
    endpointPath,
    namesOutputTokens: outputTokens !== undefined,
    batchSizes: {
      text: given.textBatchSize ?? 1,
      image: given.imageBatchSize ?? 1,
      audio: given.audioBatchSize ?? 1,
      video: given.videoBatchSize ?? 1,
    },
    check: checkKindNamed(spec?.check?.kind),
    trace: traceOptionsOf(given),
  };
  const { loadFileTurns } = await import("./file-turns.ts");
  const { maxFileBytes, store } = limits;
  const { realPath, root, folder, parts } = place;
  const counting = { name: [tokenizer, tokenizerRevision].join(" "), source, root: limits.root };
  const job = { kind: "file", load, realPath, parts, root, folder, maxFileBytes, maxRowBytes, tokenizer: counting } as const;
  const { file, problem, close } = await loadFileTurns(job, store, { signal, onProgress }).finally(place.release);
  try {
    if (load.check !== undefined && spec?.check?.value === "" && file.checks.length === 0) throw nothingExpected(name);
    const made =
      file.recipeTokens.count === 0
        ? undefined
        : await corpusOf({ name: "prose", tokenizer: source, isTemplated: false }, options);
    const how = {
      seed,
      outputTokens,
      turnDelayRatio: spec?.turnDelayRatio ?? 1,
      ...(made === undefined ? {} : { prompts: promptMaker(made.corpus, seed), isExact: made.isExact }),
    };
    const loaded = loadedOf(fileDataset(file, how), summarizeFile(file, how), {
      description: `${name} (${file.format})`,
      format: file.format,
      sizeBytes: BigInt(file.turns.sizeBytes),
      skippedRows: BigInt(file.skippedRows),
      ...prefixInfoOf(file.prefixes),
      mediaTurns: Object.fromEntries(Object.entries(file.mediaTurns).map(([medium, turns]) => [medium, BigInt(turns)])),
      windows,
      warnings: [
        ...place.notes.map((note) => `${name}: ${note}`),
        ...(problem === undefined ? [] : [`${name}: it is held in memory, and not kept for later runs: ${problem}`]),
        ...warningsOf(name, file),
        ...(file.format !== "random_pool" && Object.values(load.batchSizes).some((size) => size !== 1)
          ? [`${name}: batch sizes have no effect on ${file.format}, they are random_pool's`]
          : []),
        ...(made?.isExact === false ? [aboutLengths(tokenizer)] : []),
      ],
      file: {
        name,
        containers: [...file.containers],
        formatReason: file.formatReason,
        rows: BigInt(file.usedRows + file.skippedRows),
        firstSkipped: [...file.firstSkipped],
        files: BigInt(file.files),
        leftOut: [...file.leftOut],
      },
    });
    return { ...loaded, close };
  } catch (error) {
    close();
    throw error;
  }
}

function prefixInfoOf(prefixes: PrefixStats | undefined): PrefixInfo {
  if (prefixes === undefined) return {};
  return {
    prefixRequests: BigInt(prefixes.requests),
    prefixBlocks: BigInt(prefixes.blocks),
    prefixUniqueBlocks: BigInt(prefixes.uniqueBlocks),
    prefixSharedTokens: BigInt(prefixes.sharedTokens),
    prefixHitShare: prefixes.sharedBlocks / prefixes.blocks,
    prefixMeanReuse: prefixes.meanReuse,
  };
}

function aboutLengths(tokenizer: string): string {
  return `tokenizer ${tokenizer}: prompts have about the length asked for, since it does not count a text as its words`;
}

function traceOptionsOf(given: FileDataset): TraceOptions {
  const { turnDelayCapSec } = given;
  return {
    ignoresDelays: given.ignoresTraceDelays,
    ...(turnDelayCapSec === undefined ? {} : { maxDelayMs: turnDelayCapSec * 1e3 }),
    isOpenLoop: given.isOpenLoop ?? true,
    isStrict: given.isOpenLoopStrict,
    omitsKvHints: given.omitsKvHints,
    forcesMinTokens: given.forcesMinTokens ?? true,
    sessionShare: given.sessionShare ?? 1,
    usesThinkTimeOnly: given.usesThinkTimeOnly,
    ...(given.traceIdleGapCapSec === undefined ? {} : { idleGapCapSec: given.traceIdleGapCapSec }),
    ...(given.maxContextTokens === undefined ? {} : { maxContextTokens: given.maxContextTokens }),
    ...(given.synthesis === undefined ? {} : { synthesis: synthesisOf(given.synthesis) }),
  };
}

function synthesisOf(given: WireSynthesis): TraceSynthesis {
  return {
    speedupRatio: given.speedupRatio ?? 1,
    prefixLenMultiplier: given.prefixLenMultiplier ?? 1,
    prefixRootMultiplier: given.prefixRootMultiplier ?? 1,
    promptLenMultiplier: given.promptLenMultiplier ?? 1,
    outputLenMultiplier: given.outputLenMultiplier ?? 1,
    maxInputTokens: given.maxInputTokens ?? Number.POSITIVE_INFINITY,
    maxOutputTokens: given.maxOutputTokens ?? Number.POSITIVE_INFINITY,
  };
}

function unknownFormat(name: string): AssayError {
  const names = formats.map((format) => format.name);
  const description = `there is no format ${name}${didYouMean(name, names)}; there are ${names.join(", ")}`;
  return new AssayError("invalid_argument", `dataset.file.format: ${description}`, {
    violations: [{ field: "dataset.file.format", description }],
  });
}

function warningsOf(name: string, file: LoadedFile): string[] {
  const { format, usedRows, skippedRows, firstSkipped, unknownFields, leftOut, notes } = file;
  const warnings = notes.map((note) => `${name}: ${note}`);
  if (leftOut.length > 0) warnings.push(`${name}: not read were ${leftOut.join(", ")}`);
  if (skippedRows > 0) {
    const more = skippedRows - firstSkipped.length;
    warnings.push(`${name}: ${skippedRows} of ${usedRows + skippedRows} rows were left out`);
    warnings.push(...firstSkipped.map((line) => `${name}, ${line}`));
    if (more > 0) warnings.push(`${name}: and ${more} more`);
  }
  if (file.cutDelays > 0) warnings.push(`${name}: ${file.cutDelays} pauses were cut (--inter-turn-delay-cap-seconds)`);
  if (unknownFields.size > 0) {
    const known = formatNamed(format)?.fields ?? [];
    const fields = [...unknownFields].slice(0, shownFields);
    const shown = fields
      .map(([field, count]) => `${field} (${count} rows${didYouMean(field.replace("turns.", ""), known)})`)
      .join(", ");
    const more = unknownFields.size > shownFields ? ", …" : "";
    warnings.push(`${name}: fields that ${format} does not have were left out: ${shown}${more}`);
  }
  return warnings;
}

/** A run that asks for a check means to have one. */
function nothingExpected(name: string): AssayError {
  const description = `no row of ${name} says what is expected of the answer, and nothing is expected of all (dataset.check.value)`;
  return new AssayError("invalid_argument", `dataset.check.kind: ${description}`, {
    violations: [{ field: "dataset.check.kind", description }],
  });
}

const shownFields = 10;

const noBytes = new Uint8Array(0);

type PrefixInfo = Partial<
  Pick<
    DatasetInfo,
    "prefixRequests" | "prefixBlocks" | "prefixUniqueBlocks" | "prefixSharedTokens" | "prefixHitShare" | "prefixMeanReuse"
  >
>;

interface OwnInfo extends PrefixInfo {
  readonly description: string;
  readonly warnings: readonly string[];
  readonly format?: string;
  readonly sizeBytes?: bigint;
  readonly skippedRows?: bigint;
  readonly mediaTurns?: Readonly<Record<string, bigint>>;
  readonly windows?: readonly TimeWindow[];
  readonly file?: MessageInitShape<typeof DatasetFileSchema>;
}

function loadedOf(dataset: Dataset, summary: DatasetSummary, own: OwnInfo): LoadedDataset {
  const { turnCounts, turnsEach, turnDelays, schedule, weights = new Float64Array(0), branches = noBytes } = summary;
  const turnTimestamps = schedule?.turnTimestamps ?? noBytes;
  // A count below 128 takes one byte.
  const times = turnDelays.length + turnTimestamps.length + branches.length;
  const handleBytes = times + 4 * weights.length + (turnsEach === undefined ? turnCounts.length : 0);
  if (handleBytes > maxHandleBytes) {
    const description = `too many turns: when they follow each other takes ${handleBytes} bytes, at most ${maxHandleBytes} are told`;
    throw new AssayError("resource_exhausted", `dataset.entries: ${description}`, {
      violations: [{ field: "dataset.entries", description }],
    });
  }
  return { dataset, info: infoOf(summary, own), turnDelays, turnTimestamps, weights, branches, close: () => {} };
}

function infoOf(summary: DatasetSummary, { warnings, windows = [], mediaTurns = {}, ...own }: OwnInfo): DatasetInfo {
  const { conversations, turns, turnsEach, turnCounts, meanInputTokens, meanOutputTokens, schedule } = summary;
  const firstTurnsMs = schedule?.firstTurnsMs ?? new Float64Array(0);
  const { firstMs, lastMs } = rangeOf(firstTurnsMs);
  return create(DatasetInfoSchema, {
    ...own,
    warnings: [...warnings],
    mediaTurns: { ...mediaTurns },
    conversations: BigInt(conversations),
    rootConversations: BigInt(summary.rootConversations),
    turns: BigInt(turns),
    rootTurns: BigInt(summary.rootTurns),
    turnsEach: turnsEach ?? 0,
    turnCounts: turnsEach === undefined ? [...turnCounts] : [],
    meanInputTokens: meanInputTokens ?? 0,
    meanOutputTokens: meanOutputTokens ?? 0,
    checks: [...(summary.checks ?? [])],
    hasWeights: summary.weights !== undefined,
    beginsWithTimestamp: schedule?.isBegun ?? false,
    timedConversations: BigInt(firstTurnsMs.length),
    firstTimestampMs: firstMs,
    lastTimestampMs: lastMs,
    windows: windows.map((window) => windowInfoOf(window, firstTurnsMs)),
  });
}

function windowInfoOf({ startMs, endMs }: TimeWindow, firstTurnsMs: Float64Array): MessageInitShape<typeof WindowSessionsSchema> {
  const { sessions, beforeMs, afterMs } = countWithin(firstTurnsMs, { startMs, endMs });
  return {
    window: { ...(startMs === undefined ? {} : { startMs }), ...(endMs === undefined ? {} : { endMs }) },
    sessions: BigInt(sessions),
    ...(beforeMs === undefined ? {} : { beforeMs }),
    ...(afterMs === undefined ? {} : { afterMs }),
  };
}
