/** The defaults of a RunSpec, applied once. Pure. */
import { clone, create } from "@bufbuild/protobuf";
import { builtInEndpoints, type EndpointCatalog } from "../../../../endpoints/catalog.ts";
import { type Ingredient, requestPathOf } from "../../../../endpoints/endpoint.ts";
import { PhaseKind } from "../../../../gen/assay/common/v1/common_pb.js";
import {
  ArrivalPattern,
  ConcurrencyLoadSchema,
  ConcurrencyUnit,
  ConnectionReuse,
  DatasetSpecSchema,
  type Distribution,
  DistributionSchema,
  EndpointSpecSchema,
  GrpcSpecSchema,
  ModelSelection,
  OutputSpecSchema,
  Overload,
  type PhaseSpec,
  type RampSpec,
  type RunSpec,
  RunSpecSchema,
  Sampling,
  type SyntheticDataset,
  SyntheticDatasetSchema,
  SyntheticRankingsSchema,
  TargetSpecSchema,
  TargetUrlSchema,
  TelemetrySpecSchema,
  TokenizerSpecSchema,
  TransportKind,
  UrlStrategy,
  type WaitForModel,
  WorkerSpecSchema,
} from "../../../../gen/assay/common/v1/run_spec_pb.js";
import { asFileSource } from "../../../common/dataset-source.ts";
import { tagNamed } from "../../../common/metric-names.ts";
import { defaultEncoding } from "../../../common/tokenizer/source.ts";
import { runName } from "./run-name.ts";

const defaultUrl = "http://localhost:8000";
const defaultRequestTimeoutSec = 21_600;
const defaultConnectTimeoutSec = 30;
const defaultResetTimeoutSec = 30;
/** A minute more than servers of gRPC ask for between two pings. */
const defaultKeepaliveSec = 360;
const defaultInputTokens = 550;
const defaultEntries = 100n;
const defaultGraceSec = 30;
const rateRampUpdateSec = 0.1;
/** A request that is sent last ends by its own limit, not by a cancel of the same moment. */
const timeoutMarginSec = 1;
export const defaultScrapeMs = 1000;
export const defaultWaitIntervalSec = 5;
export const defaultWaitMode = "inference";

export function withDefaults(given: RunSpec, drawSeed: () => bigint, endpoints: EndpointCatalog): RunSpec {
  const spec = clone(RunSpecSchema, given);
  const target = spec.target ?? create(TargetSpecSchema);
  spec.target = target;
  if (target.urls.length === 0) target.urls.push(create(TargetUrlSchema, { url: defaultUrl }));
  for (const url of target.urls) {
    if (url.url !== "" && !/^unix:\/|:\/\//.test(url.url)) url.url = `http://${url.url}`;
    url.weight ??= 1;
    if (url.label === "") url.label = url.url;
  }
  if (target.urlStrategy === UrlStrategy.UNSPECIFIED) target.urlStrategy = UrlStrategy.ROUND_ROBIN;
  if (target.transport === TransportKind.UNSPECIFIED) target.transport = TransportKind.AUTO;
  if (target.connectionReuse === ConnectionReuse.UNSPECIFIED) target.connectionReuse = ConnectionReuse.POOLED;
  target.requestTimeoutSec ??= defaultRequestTimeoutSec;
  target.connectTimeoutSec ??= Math.min(defaultConnectTimeoutSec, target.requestTimeoutSec);
  addWaitDefaults(target.waitForModel);
  if (target.resetKvCachePath !== undefined) target.resetKvCacheTimeoutSec ??= defaultResetTimeoutSec;
  const endpoint = spec.endpoint ?? create(EndpointSpecSchema);
  spec.endpoint = endpoint;
  // They are the target's to say, and it may say something else today.
  endpoint.modelTensors = [];
  endpoint.type = endpoint.type === "" ? "chat" : (endpoints.create(endpoint.type)?.name ?? endpoint.type);
  // Whoever reads the spec of the run later does not have the user's module.
  const isBuiltIn = builtInEndpoints.names.includes(endpoint.type);
  const own = isBuiltIn ? undefined : endpoints.create(endpoint.type);
  if (own !== undefined) endpoint.path = requestPathOf(own, endpoint.streaming, endpoint.path);
  addGrpcDefaults(spec, endpoints);
  for (const slo of spec.slos) slo.metric = tagNamed(slo.metric);
  const tokenizer = spec.tokenizer ?? create(TokenizerSpecSchema);
  spec.tokenizer = tokenizer;
  if (tokenizer.name === "" || tokenizer.name === "builtin") tokenizer.name = defaultEncoding;
  if (spec.modelSelection === ModelSelection.UNSPECIFIED) spec.modelSelection = ModelSelection.ROUND_ROBIN;
  addDatasetDefaults(spec, endpoints.create(endpoint.type)?.takes ?? []);
  for (const phase of spec.phases) addPhaseDefaults(phase, target.requestTimeoutSec);
  const workers = spec.workers ?? create(WorkerSpecSchema);
  spec.workers = workers;
  if (workers.pacing === "") workers.pacing = "normal";
  const telemetry = spec.telemetry ?? create(TelemetrySpecSchema);
  spec.telemetry = telemetry;
  telemetry.intervalMs ??= defaultScrapeMs;
  if (telemetry.serverMetricsFormats.length === 0) telemetry.serverMetricsFormats = ["json", "csv"];
  const output = spec.output ?? create(OutputSpecSchema);
  spec.output = output;
  if (output.exportLevel === "") output.exportLevel = "records";
  spec.randomSeed ??= drawSeed();
  if (spec.name === "") spec.name = runName(spec);
  return spec;
}

/** Of runs that go by gRPC: others have no use for it. */
function addGrpcDefaults({ target, endpoint }: RunSpec, endpoints: EndpointCatalog): void {
  if (target === undefined || endpoints.create(endpoint?.type ?? "")?.protocol !== "grpc") return;
  const grpc = target.grpc ?? create(GrpcSpecSchema);
  target.grpc = grpc;
  if (grpc.streamPer === "") grpc.streamPer = "request";
  if (grpc.compression === "") grpc.compression = "none";
  grpc.keepaliveSec ??= defaultKeepaliveSec;
}

function addWaitDefaults(wait: WaitForModel | undefined): void {
  if (wait === undefined || (wait.timeoutSec ?? 0) === 0) return;
  wait.intervalSec ??= defaultWaitIntervalSec;
  if (wait.mode === "") wait.mode = defaultWaitMode;
}

function addDatasetDefaults(spec: RunSpec, takes: readonly Ingredient[]): void {
  const dataset = spec.dataset ?? create(DatasetSpecSchema);
  spec.dataset = dataset;
  if (dataset.source.case === undefined) dataset.source = { case: "synthetic", value: create(SyntheticDatasetSchema) };
  dataset.source = asFileSource(dataset.source);
  if (dataset.sampling === Sampling.UNSPECIFIED) dataset.sampling = Sampling.SEQUENTIAL;
  dataset.turnDelayRatio ??= 1;
  if (dataset.source.case === "file" && dataset.source.value.onBadRow === "") dataset.source.value.onBadRow = "fail";
  if (dataset.source.case !== "synthetic") return;
  dataset.entries ??= defaultEntries;
  const synthetic = dataset.source.value;
  if (synthetic.corpus === "") synthetic.corpus = "prose";
  // Tensors have no length in tokens, and one that is given is refused.
  if (!takes.includes("tensors")) synthetic.inputTokens = withMean(synthetic.inputTokens, defaultInputTokens);
  synthetic.turns ??= create(DistributionSchema, { mean: 1 });
  if (synthetic.turns.kind === "" && synthetic.turns.mean === 0) synthetic.turns.mean = 1;
  synthetic.turnDelayMs ??= create(DistributionSchema);
  addMediaDefaults(synthetic);
  const takesTexts = takes.includes("text") || takes.includes("texts");
  if (takes.includes("ranking") && !takesTexts) synthetic.rankings ??= create(SyntheticRankingsSchema);
  if (takes.length > 0 && !takesTexts) synthetic.textBatchSize ??= 0;
  const { rankings } = synthetic;
  if (rankings === undefined) return;
  rankings.passages = withMean(rankings.passages, 1);
  rankings.passageTokens = withMean(rankings.passageTokens, defaultInputTokens);
  rankings.queryTokens = withMean(rankings.queryTokens, defaultInputTokens);
}

/** A deviation alone, or nothing: the mean is the default. */
function withMean(given: Distribution | undefined, mean: number): Distribution {
  const wanted = given ?? create(DistributionSchema);
  if ((wanted.kind === "" || wanted.kind === "normal") && wanted.mean === 0) wanted.mean = mean;
  return wanted;
}

function addMediaDefaults({ images, audio, video }: SyntheticDataset): void {
  if (images !== undefined) {
    if (images.format === "") images.format = "png";
    if (images.source === "") images.source = "noise";
    if (images.sourceSampling === "") images.sourceSampling = "random-with-replacement";
    images.batchSize ??= 1;
  }
  if (audio !== undefined) {
    if (audio.format === "") audio.format = "wav";
    if (audio.sampleRatesKhz.length === 0) audio.sampleRatesKhz.push(16);
    if (audio.depths.length === 0) audio.depths.push(16);
    audio.channels ??= 1;
    audio.batchSize ??= 1;
  }
  if (video === undefined) return;
  video.durationSec ??= 5;
  video.fps ??= 4;
  if (video.synthType === "") video.synthType = "moving_shapes";
  if (video.format === "") video.format = "webm";
  if (video.codec === "") video.codec = "libvpx-vp9";
  video.batchSize ??= 1;
  video.audioChannels ??= 0;
  if (video.audioChannels === 0) return;
  video.audioSampleRateHz ??= 44_100;
  video.audioDepth ??= 16;
  if (video.audioCodec === "") video.audioCodec = video.format === "mp4" ? "libopus" : "libvorbis";
}

function addPhaseDefaults(phase: PhaseSpec, requestTimeoutSec: number): void {
  phase.load = withoutBurst(phase.load);
  const { load, stop } = phase;
  if (load.case === "concurrency" && load.value.unit === ConcurrencyUnit.UNSPECIFIED) load.value.unit = ConcurrencyUnit.SESSION;
  if (load.case === "rate") {
    const isPatterned = load.value.bursts === undefined;
    if (load.value.pattern === ArrivalPattern.UNSPECIFIED && isPatterned) load.value.pattern = ArrivalPattern.POISSON;
    if (load.value.pattern === ArrivalPattern.GAMMA) load.value.smoothness ??= 1;
    const hasCeiling = load.value.concurrencyCeiling !== undefined;
    if (hasCeiling && load.value.ceilingUnit === ConcurrencyUnit.UNSPECIFIED) load.value.ceilingUnit = ConcurrencyUnit.SESSION;
    if (load.value.overload === Overload.UNSPECIFIED) load.value.overload = Overload.QUEUE;
  }
  for (const ramp of phase.ramps) addRampDefaults(ramp, load);
  for (const timed of [
    load.case === "schedule" || load.case === "userCentric" ? load.value : undefined,
    phase.preferredSchedule,
  ]) {
    if (timed?.concurrencyCeiling !== undefined && timed.ceilingUnit === ConcurrencyUnit.UNSPECIFIED) {
      timed.ceilingUnit = ConcurrencyUnit.SESSION;
    }
  }
  if (load.case === "schedule") load.value.speedup ??= 1;
  if (phase.preferredSchedule !== undefined) phase.preferredSchedule.speedup ??= 1;
  // A phase that ends by a count alone waits for every answer: then the request's own limit bounds the wait.
  // So does a warm-up: what is measured begins when all of it has been answered. And so do users, as in AIPerf.
  const waitsForAll = stop?.durationSec === undefined || phase.kind === PhaseKind.WARMUP || load.case === "userCentric";
  phase.graceSec ??= waitsForAll ? requestTimeoutSec + timeoutMarginSec : defaultGraceSec;
}

/** AIPerf's: limits from 1, a rate from what it would rise by in a tenth of a second. */
function addRampDefaults(ramp: RampSpec, load: PhaseSpec["load"]): void {
  if (ramp.shape === "") ramp.shape = "linear";
  const rate = load.case === "rate" ? load.value.ratePerSec : 0;
  ramp.from ??= ramp.quantity === "rate" ? Math.min(rate, (rate * rateRampUpdateSec) / ramp.durationSec) : 1;
}

/** All that a ceiling lets through at once is a closed loop. With anything beside it the load stays as it is, to be refused. */
function withoutBurst(load: PhaseSpec["load"]): PhaseSpec["load"] {
  if (load.case !== "rate" || load.value.pattern !== ArrivalPattern.CONCURRENCY_BURST) return load;
  const { concurrencyCeiling: limit, ceilingUnit: unit, ratePerSec, series, bursts, smoothness, overload } = load.value;
  const isAlone = ratePerSec === 0 && series.length === 0 && bursts === undefined && smoothness === undefined;
  if (limit === undefined || !isAlone || overload === Overload.DROP) return load;
  return { case: "concurrency", value: create(ConcurrencyLoadSchema, { limit, unit }) };
}
