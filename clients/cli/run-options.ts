/** What the options of `assay run` mean together, and the RunSpec that they make. Pure. */
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import type { GivenOptions } from "./asked.ts";
import { problemsOfPlaces } from "./dataset/places.ts";
import { variableOf } from "./environment.ts";
import type { FlagKind } from "./flag-kinds.ts";
import type { Flag } from "./flags/flag.ts";
import { batchNeeds, batchSizes, madeOptions, mediaNeeds } from "./flags/media.ts";
import { tracesFlags } from "./flags/traces.ts";
import { type RunOptions, runFlags } from "./flags.ts";
import { isRated, type PhaseOptions, phasesOf } from "./run-phases.ts";
import { urlsOf } from "./run-target.ts";
import { besideSchedule, besideUsers, hasUsers, preferredSchedule } from "./session-loads.ts";
import { publicPath } from "./spec/dataset-paths.ts";
import { endpointTypeOf, spelledOut } from "./spelled-out.ts";

/** Options of `assay run`, and where each was given. */
export type GivenRun = GivenOptions<typeof runFlags>;

const exclusive: readonly (readonly [keyof RunOptions, keyof RunOptions])[] = [
  ["mock", "urls"],
  ["gpuTelemetry", "noGpuTelemetry"],
  ["serverMetrics", "noServerMetrics"],
  ["serverMetricsFormats", "noServerMetrics"],
  ["networkLatencyMs", "measureNetworkLatency"],
  ["logFile", "controller"],
  ["endpointModule", "controller"],
  ["inputFile", "publicDataset"],
  ["inputFile", "replay"],
  ["publicDataset", "replay"],
  ["hfWekaDataset", "inputFile"],
  ["hfWekaDataset", "publicDataset"],
  ["hfWekaDataset", "replay"],
  ["replay", "isl"],
  ["replay", "osl"],
  ["replay", "islDistribution"],
  ["replay", "oslDistribution"],
  ["replay", "lengthMix"],
  ["replay", "entries"],
  ["replay", "turnsMean"],
  ["replay", "prefixCount"],
  ["replay", "sharedSystemTokens"],
  ["replay", "userContextTokens"],
  ["publicDataset", "isl"],
  ["hfWekaDataset", "isl"],
  ["inputFile", "isl"],
  ["inputFile", "lengthMix"],
  ["inputFile", "islDistribution"],
  ["inputFile", "promptCorpus"],
  ["inputFile", "prefixCount"],
  ["inputFile", "sharedSystemTokens"],
  ["inputFile", "userContextTokens"],
  ...madeOptions.flatMap((name) =>
    (["inputFile", "publicDataset", "hfWekaDataset", "replay"] as const).map((other) => [other, name] as const),
  ),
  ...madeOptions
    .filter((name) => name.startsWith("rankings"))
    .flatMap((name) =>
      (["isl", "islDistribution", "lengthMix", "textBatchSize", "turnsMean"] as const).map((other) => [name, other] as const),
    ),
  ["isl", "islDistribution"],
  ["isl", "lengthMix"],
  ["islDistribution", "lengthMix"],
  ["osl", "oslDistribution"],
  ["osl", "lengthMix"],
  ["oslDistribution", "lengthMix"],
  ["rangeRatio", "islStddev"],
  ["rangeRatio", "oslStddev"],
  ["prefixCount", "sharedSystemTokens"],
  ["prefixCount", "userContextTokens"],
  ["inputFile", "turnsMean"],
  ["inputFile", "turnDelayMean"],
  ["noProbe", "waitForModelTimeoutSec"],
  ["http2", "transport"],
  ["useThinkTimeOnly", "ignoreTraceDelays"],
  ["traceIdleGapCapSec", "turnDelayCapSec"],
  ["scheduleAutoOffset", "scheduleStartOffsetMs"],
  ["requestRate", "requestRateSeries"],
  ["requestRate", "burstSize"],
  ["requestRateSeries", "burstSize"],
  ["requestCount", "sessionCount"],
  ["warmupRequestCount", "warmupSessionCount"],
];

/** What is said of a trace beside which file it is. Its keys are those of the table. */
const traceOptions = Object.keys(tracesFlags) as readonly (keyof typeof tracesFlags)[];

/** What is said of a warm-up beside that there is one. */
const warmUpDetails = [
  "warmupConcurrency",
  "warmupPrefillConcurrency",
  "warmupRequestRate",
  "warmupArrivalPattern",
  "warmupConcurrencyRampSec",
  "warmupPrefillRampSec",
  "warmupRateRampSec",
  "warmupGraceSec",
  "seamless",
] as const;

/** Options as others spell them too, without those of the environment that one on the command line excludes. */
export function withoutOverruled(asked: GivenRun): GivenRun {
  const { options, origins } = spelledOut(asked);
  const overruled = new Set(
    exclusive.flatMap(([one, other]) => {
      if (!origins.has(one) || !origins.has(other) || origins.get(one) === origins.get(other)) return [];
      return [origins.get(one) === "environment" ? one : other];
    }),
  );
  const isKept = ([name]: readonly [string, unknown]): boolean => !overruled.has(name as keyof RunOptions);
  return {
    options: Object.fromEntries(Object.entries(options).filter(isKept)),
    origins: new Map([...origins].filter(isKept)),
  };
}

/** What is wrong between options, one line each. */
export function problemsOfRun(given: GivenRun): string[] {
  return conflictsOf(withoutOverruled(given), given.origins.has("config"));
}

/** As `problemsOfRun`, of options none of which is overruled. `hasFile`: what one of them lacks may be in the file of `--config`. */
export function conflictsOf(given: GivenRun, hasFile: boolean): string[] {
  const has = (name: keyof RunOptions): boolean => given.origins.has(name);
  const problems: string[] = [];
  const needs = (name: keyof RunOptions, needed: keyof RunOptions): void => {
    // The environment is there for many commands: what one of them has no use for is no mistake.
    const isMeant = given.origins.get(name) === "argument";
    if (isMeant && !has(needed)) problems.push(`${shown(name, given)}: needs ${runFlags[needed].flag} beside it`);
  };
  if (!hasFile) {
    if (!has("models") && !has("mock")) problems.push("--model: expected the name of the model to ask for");
    needs("concurrencyUnit", "concurrency");
    if (!isRated(given.options)) needs("arrivalPattern", "requestRate");
    const isPatterned = given.origins.get("warmupArrivalPattern") === "argument";
    const isBurst = given.options.warmupArrivalPattern === "concurrency_burst";
    if (isPatterned && !isBurst && !isRated(given.options) && !has("warmupRequestRate")) {
      problems.push(`${shown("warmupArrivalPattern", given)}: needs --warmup-request-rate or --request-rate beside it`);
    }
    if (!has("burstSize") && !has("requestRateSeries")) needs("overload", "requestRate");
    needs("overload", "concurrency");
    if (given.options.arrivalPattern !== "gamma" && given.origins.get("arrivalSmoothness") === "argument") {
      problems.push(`${shown("arrivalSmoothness", given)}: needs --arrival-pattern gamma beside it`);
    }
    needs("scheduleAutoOffset", "fixedSchedule");
    needs("scheduleStartOffsetMs", "fixedSchedule");
    needs("scheduleEndOffsetMs", "fixedSchedule");
    if (!has("replay")) {
      needs("replaySpeedup", "inputFile");
      needs("idleGapCapSec", "inputFile");
      if (given.options.fixedSchedule) needs("fixedSchedule", "inputFile");
    }
    needs("userCentricRate", "numUsers");
    needs("numUsers", "userCentricRate");
    needs("concurrencyRampSec", "concurrency");
    needs("prefillRampSec", "prefillConcurrency");
    needs("rateRampSec", "requestRate");
    needs("burstSize", "burstIntervalSec");
    needs("burstIntervalSec", "burstSize");
    needs("graceSec", "durationSec");
    needs("cancellationDelaySec", "cancellationRate");
    needs("endpointModule", "endpointType");
    if (!has("hfWekaDataset")) needs("hfSubset", "publicDataset");
    needs("datasetFilter", "publicDataset");
    needs("datasetType", "inputFile");
    needs("onBadRow", "inputFile");
    needs("checkValue", "check");
    needs("backend", "serviceKind");
    for (const [name, needed] of mediaNeeds) needs(name, needed);
    if (!has("inputFile")) for (const [name, needed] of batchNeeds) needs(name, needed);
    for (const name of traceOptions) needs(name, "inputFile");
    needs("modelWeights", "modelSelection");
    needs("prefixTokens", "prefixCount");
    needs("prefixCount", "prefixTokens");
    if (!has("mock")) needs("rangeRatio", "isl");
    needs("tokenizerRevision", "tokenizer");
    needs("turnsStddev", "turnsMean");
    needs("turnDelayStddev", "turnDelayMean");
    needs("urlWeights", "urlStrategy");
    if (!has("mock")) {
      needs("islStddev", "isl");
      needs("oslStddev", "osl");
    }
  }
  for (const name of warmUpDetails) {
    const isMeant = given.origins.get(name) === "argument";
    if (!isMeant || has("warmupRequestCount") || has("warmupSessionCount") || has("warmupDurationSec")) continue;
    problems.push(`${shown(name, given)}: needs --warmup-request-count, --num-warmup-sessions or --warmup-duration beside it`);
  }
  for (const name of ["tokenFile", "tls", "tlsCa", "tlsCert", "tlsKey"] as const) needs(name, "controller");
  needs("tlsCert", "tlsKey");
  needs("tlsKey", "tlsCert");
  if (!hasFile) {
    needs("targetCert", "targetKey");
    needs("targetKey", "targetCert");
  }
  for (const [one, other] of exclusive) {
    if (has(one) && has(other)) problems.push(`${shown(one, given)}: not together with ${runFlags[other].flag}`);
  }
  problems.push(...problemsOfPlaces(given));
  const refuse = (one: keyof RunOptions, others: readonly (keyof RunOptions)[]): void => {
    for (const other of others.filter(has)) problems.push(`${shown(one, given)}: not together with ${runFlags[other].flag}`);
  };
  if (given.options.fixedSchedule) refuse("fixedSchedule", besideSchedule);
  if (has("userCentricRate")) refuse("userCentricRate", besideUsers);
  const { serviceKind, backend, endpointType } = given.options;
  const standsFor = endpointTypeOf(backend);
  if (serviceKind === "triton" && endpointType !== standsFor) {
    problems.push(`${shown("serviceKind", given)}: stands for --endpoint-type ${standsFor}, got ${endpointType}`);
  }
  const rates = (["requestRate", "requestRateSeries", "burstSize"] as const).filter(has);
  if (given.options.arrivalPattern === "concurrency_burst" || has("burstSize")) {
    for (const rate of has("arrivalPattern") ? rates : [])
      problems.push(`${shown("arrivalPattern", given)}: not together with ${runFlags[rate].flag}`);
  }
  return problems;
}

/** `--concurrency 8` or `ASSAY_CONCURRENCY=8`; without the value where that is a secret or none. */
export function shown(name: keyof RunOptions, { options, origins }: GivenRun): string {
  const flag: Flag = runFlags[name];
  const value = options[name];
  const isShown = !flag.isSecret && (typeof value === "string" || typeof value === "number");
  if (origins.get(name) === "environment") return isShown ? `${variableOf(flag)}=${value}` : variableOf(flag);
  return isShown ? `${flag.flag} ${value}` : flag.flag;
}

/**
 * What `--mock` stands for; everything that was given wins, that of a file included. `url` is where the built-in server listens.
 */
export function withMock(options: RunOptions, url: string, file: JsonObject = {}): RunOptions {
  const hasPhases = file.phases !== undefined;
  const { fixedSchedule, requestCount, sessionCount, durationSec } = options;
  const isReplay = options.replay !== undefined;
  const isTimed = fixedSchedule === true || (isReplay && preferredSchedule(options, isRated(options)) !== undefined);
  const hasTimes = isTimed || hasUsers(options);
  const hasLoad = hasPhases || options.concurrency !== undefined || isRated(options) || hasTimes;
  const hasEnd = requestCount !== undefined || sessionCount !== undefined || durationSec !== undefined;
  const hasStop = hasPhases || isTimed || hasEnd;
  const dataset = isObject(file.dataset) ? file.dataset : undefined;
  const endpoint = isObject(file.endpoint) ? file.endpoint : undefined;
  const { endpointType = endpoint?.type ?? "chat" } = options;
  const target = isObject(file.target) ? file.target : undefined;
  const isAwaited = options.waitForModelTimeoutSec !== undefined || target?.wait_for_model !== undefined;
  return {
    // It was started a moment ago, has said that it listens, and takes any name of a model.
    ...(isAwaited ? {} : { noProbe: true }),
    ...(file.models === undefined ? { models: ["mock-model"] } : {}),
    // Not every endpoint can.
    ...(endpoint?.streaming === undefined && endpointType === "chat" ? { streaming: true } : {}),
    ...(dataset === undefined && options.inputFile === undefined && publicNameOf(options) === undefined && !isReplay
      ? { isl: 128 }
      : {}),
    ...(dataset === undefined && !isReplay ? { osl: 32 } : {}),
    ...(hasLoad ? {} : { concurrency: 8 }),
    ...(hasStop ? {} : { requestCount: 100 }),
    ...options,
    urls: [url],
  };
}

/**
 * A RunSpec in proto JSON, with what was given and nothing else; a load there always is, and a stop unless a schedule ends it. Options are laid over `file`:
 * objects field by field, lists whole, and load and stop over every measured phase of it.
 */
export function runSpecJson(options: RunOptions & PhaseOptions, file: JsonObject = {}): JsonObject {
  const spec = structuredClone(file);
  const source = sourceOf(options, file.dataset);
  if (source !== undefined && isObject(spec.dataset)) {
    for (const other of datasetSources) if (other !== source) delete spec.dataset[other];
  }
  const type = options.endpointType ?? (isObject(file.endpoint) ? file.endpoint.type : undefined);
  for (const [name, value] of Object.entries(options)) {
    const path = pathOf(name, source, type);
    if (path === undefined || path.startsWith("phases.") || path.startsWith("target.urls")) continue;
    if (isOneWay(name) && value === false) remove(spec, path.split("."));
    else put(spec, path.split("."), wireValue(name, value));
  }
  for (const [path, distribution] of rangesOf(options, source)) put(spec, path.split("."), distribution);
  const { hfSubset, datasetFilter = [] } = options;
  const publicDataset = publicNameOf(options);
  if (publicDataset !== undefined) put(spec, ["dataset", "file", "path"], publicPath(publicDataset, hfSubset, datasetFilter));
  const { videoAudioSampleRate: rate } = options;
  if (rate !== undefined)
    put(spec, ["dataset", "synthetic", "video", "audio_sample_rate_hz"], rate < 1000 ? Math.round(1000 * rate) : rate);
  putCacheReset(spec, options);
  putHttp2(spec, options);
  putGpuMetrics(spec, options);
  const urls = urlsOf(options, file);
  if (urls !== undefined) put(spec, ["target", "urls"], urls);
  const dataset = spec.dataset;
  const { sessionCount, entries } = options;
  // AIPerf's rule: every session plays a conversation of its own.
  if (sessionCount !== undefined && entries === undefined && isSyntheticAlone(dataset)) {
    spec.dataset = { ...(isObject(dataset) ? dataset : {}), entries: sessionCount };
  }
  spec.phases = phasesOf(options, (file.phases ?? []) as readonly JsonObject[]);
  return spec;
}

function putCacheReset(spec: JsonObject, { resetKvCache, resetKvCachePath, resetKvCacheTimeoutSec }: RunOptions): void {
  if (resetKvCachePath !== undefined) return;
  if (resetKvCache === false) remove(spec, ["target", "reset_kv_cache_path"]);
  else if ((resetKvCache === true || resetKvCacheTimeoutSec !== undefined) && !hasResetPath(spec)) {
    put(spec, ["target", "reset_kv_cache_path"], defaultResetPath);
  }
}

function putHttp2(spec: JsonObject, { http2 }: RunOptions): void {
  const path = ["target", "transport"];
  const kind = "TRANSPORT_KIND_HTTP2";
  if (http2 === true) put(spec, path, kind);
  if (http2 === false && valueAt(spec, path) === kind) remove(spec, path);
}

/** A file among the sources is a list of fields, no source. */
function putGpuMetrics(spec: JsonObject, { gpuTelemetry = [] }: RunOptions): void {
  const isList = (text: string): boolean => text.endsWith(".csv") && !text.includes("://");
  const list = gpuTelemetry.find(isList);
  if (list === undefined) return;
  put(spec, ["telemetry", "gpu_metrics_csv"], list);
  const sources = gpuTelemetry.filter((text) => !isList(text));
  put(spec, ["telemetry", "dcgm_urls"], sources);
}

/** Of vLLM. */
const defaultResetPath = "/reset_prefix_cache";

/** A file may name another. */
function hasResetPath({ target }: JsonObject): boolean {
  return isObject(target) && target.reset_kv_cache_path !== undefined;
}

/** Conversations are made, and nobody has said how many. */
function isSyntheticAlone(dataset: JsonValue | undefined): boolean {
  if (!isObject(dataset)) return true;
  return (
    dataset.entries === undefined && datasetSources.every((source) => source === "synthetic" || dataset[source] === undefined)
  );
}

/** Of these a dataset has one. */
const datasetSources = ["synthetic", "file", "public", "replay", "dataset_id"] as const;

/** Options that only synthetic conversations have a use for. */
export const syntheticOptions = [
  "isl",
  "islStddev",
  "islDistribution",
  "lengthMix",
  "promptCorpus",
  "prefixCount",
  "prefixTokens",
  "sharedSystemTokens",
  "userContextTokens",
  "turnsMean",
  "turnsStddev",
  "turnDelayMean",
  "turnDelayStddev",
  ...madeOptions,
] as const;

/** The source that options ask for, or say something of; undefined: they leave it as it is. */
function sourceOf(options: RunOptions, dataset?: JsonValue) {
  const { inputFile, replay, osl, oslStddev, oslDistribution, datasetType, onBadRow } = options;
  if (replay !== undefined) return "replay";
  if (inputFile !== undefined || publicNameOf(options) !== undefined) return "file";
  if (syntheticOptions.some((name) => options[name] !== undefined)) return "synthetic";
  const isOfFile = isObject(dataset) && dataset.file !== undefined;
  if (batchSizes.some((name) => options[name] !== undefined)) return isOfFile ? "file" : "synthetic";
  if (osl !== undefined || oslStddev !== undefined || oslDistribution !== undefined) return isOfFile ? "file" : "synthetic";
  return datasetType !== undefined || onBadRow !== undefined ? "file" : undefined;
}

/** The public dataset that options ask for. */
function publicNameOf({ publicDataset, hfWekaDataset }: RunOptions): string | undefined {
  return hfWekaDataset === undefined ? publicDataset : `weka_hf:${hfWekaDataset}`;
}

/** Lengths around their means, as a ratio widens them; none: there is no ratio. */
function rangesOf({ rangeRatio, isl, osl }: RunOptions, source: string | undefined): [path: string, uniform: JsonObject][] {
  if (rangeRatio === undefined) return [];
  const around = (mean: number): JsonObject => {
    const least = Math.max(1, Math.floor(mean * (1 - rangeRatio)));
    return { kind: "uniform", min: least, max: Math.max(least, Math.ceil(mean * (1 + rangeRatio))) };
  };
  return [
    ...(isl === undefined ? [] : [["dataset.synthetic.input_tokens", around(isl)] as [string, JsonObject]]),
    ...(osl === undefined ? [] : [[`dataset.${source ?? "synthetic"}.output_tokens`, around(osl)] as [string, JsonObject]]),
  ];
}

/** Where a value goes: what may be said of several sources has a path for each. */
function pathOf(name: string, source: string | undefined, type: JsonValue | undefined): string | undefined {
  const paths = pathsOf(name);
  const ofTensors = type === "tensor" ? paths.find((path) => path.startsWith("endpoint.tensors.")) : undefined;
  return ofTensors ?? paths.find((path) => path.startsWith(`dataset.${source}.`)) ?? paths[0];
}

function wireValue(name: string, value: unknown): unknown {
  const kind: FlagKind | undefined = isRunOption(name) ? runFlags[name].kind : undefined;
  if (kind?.is !== "choice" || kind.wirePrefix === undefined) return value;
  return `${kind.wirePrefix}${String(value).toUpperCase().replaceAll("-", "_")}`;
}

function put(object: JsonObject, path: readonly string[], value: unknown): void {
  const [name = "", ...rest] = path;
  // Values of the table are texts, numbers, booleans, and lists and objects of these.
  const given = value as JsonValue;
  const before = object[name];
  if (rest.length > 0) {
    const inner = isObject(before) ? before : {};
    object[name] = inner;
    put(inner, rest, value);
  } else object[name] = isObject(before) && isObject(given) ? { ...before, ...given } : given;
}

/** Takes away what a file says there. */
function remove(object: JsonObject, path: readonly string[]): void {
  const owner = valueAt(object, path.slice(0, -1));
  if (isObject(owner)) delete owner[path.at(-1) ?? ""];
}

function valueAt(object: JsonObject, path: readonly string[]): JsonValue | undefined {
  return path.reduce<JsonValue | undefined>((value, name) => (isObject(value) ? value[name] : undefined), object);
}

/** A switch that can only ask for something; off, it is as if it was never said. */
function isOneWay(name: string): boolean {
  const kind: FlagKind | undefined = isRunOption(name) ? runFlags[name].kind : undefined;
  return kind?.is === "switch" && kind.negation === undefined;
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Where the value of an option goes, by names without indices; empty: it concerns the command line alone. */
export function pathsOf(name: string): readonly string[] {
  if (!isRunOption(name)) return [];
  const flag: Flag = runFlags[name];
  return flag.paths ?? [];
}

/** Whether `assay run` has an option of this name. */
export function isRunOption(name: string): name is keyof RunOptions {
  return Object.hasOwn(runFlags, name);
}
