/**
 * From the spec that a client gives to the spec that runs: refuse what this version does not build, find everything that
 * is wrong, apply the defaults. Past this point nothing is optional that the run needs. Pure; called by ValidateRun and CreateRun.
 */
import { clone, create, type DescField } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { endpointNames } from "../../../endpoints/catalog.ts";
import { PhaseKind } from "../../../gen/assay/common/v1/common_pb.js";
import {
  ArrivalPattern,
  ConcurrencyUnit,
  ConnectionReuse,
  DatasetSpecSchema,
  type Distribution,
  DistributionSchema,
  EndpointSpecSchema,
  ModelSelection,
  OutputSpecSchema,
  Overload,
  type PhaseSpec,
  type RunSpec,
  RunSpecSchema,
  Sampling,
  SyntheticDatasetSchema,
  type TargetSpec,
  TargetSpecSchema,
  TargetUrlSchema,
  TelemetrySpecSchema,
  TokenizerSpecSchema,
  UrlStrategy,
  type WaitForModel,
  WorkerSpecSchema,
} from "../../../gen/assay/common/v1/run_spec_pb.js";
import { isAbsolutePath } from "../../common/absolute-path.ts";
import { AssayError, type FieldViolation } from "../../common/errors.ts";
import { exportPrefixProblem } from "../../common/export-files.ts";
import { defaultEncoding, expectedTokenizer, tokenizerSource } from "../../common/tokenizer/source.ts";

/**
 * Fields that this version carries out, by path. A set field that is not here is refused by name, so that nothing a client asks
 * for is silently left out.
 */
const supportedFields: readonly string[] = [
  "name",
  "models",
  "target.urls.url",
  "target.urls.weight",
  "target.urls.label",
  "target.headers",
  "target.session_header",
  "target.api_key",
  "target.request_timeout_sec",
  "target.connect_timeout_sec",
  "target.first_byte_timeout_sec",
  "target.idle_timeout_sec",
  "target.connection_reuse",
  "target.url_strategy",
  "target.no_probe",
  "target.wait_for_model.timeout_sec",
  "target.wait_for_model.interval_sec",
  "target.wait_for_model.mode",
  "target.tls.ca_pem",
  "target.tls.cert_pem",
  "target.tls.key_pem",
  "target.tls.server_name",
  "target.tls.skip_verify",
  "endpoint.type",
  "endpoint.path",
  "endpoint.streaming",
  "endpoint.use_legacy_max_tokens",
  "endpoint.use_server_token_count",
  "endpoint.extra_inputs",
  "endpoint.omit_stream_options",
  "tokenizer.name",
  "dataset.synthetic.corpus",
  "dataset.synthetic.input_tokens.mean",
  "dataset.synthetic.input_tokens.stddev",
  "dataset.synthetic.output_tokens.mean",
  "dataset.synthetic.output_tokens.stddev",
  "dataset.file.path",
  "dataset.file.format",
  "dataset.file.on_bad_row",
  "dataset.file.output_tokens.mean",
  "dataset.file.output_tokens.stddev",
  "dataset.sampling",
  "dataset.entries",
  "model_selection",
  "model_weights",
  "phases.name",
  "phases.kind",
  "phases.concurrency.limit",
  "phases.concurrency.unit",
  "phases.rate.rate_per_sec",
  "phases.rate.pattern",
  "phases.rate.overload",
  "phases.stop.request_count",
  "phases.stop.duration_sec",
  "phases.grace_sec",
  "workers.max_workers",
  "telemetry.dcgm_urls",
  "telemetry.disable_gpu",
  "telemetry.interval_ms",
  "output.artifact_dir",
  "output.export_level",
  "output.export_prefix",
  "output.cli_command",
  "random_seed",
];

/**
 * Values that this version carries out, by path of the field; other values are refused like unsupported fields. Weights and
 * overload have no effect beside what is built: only their defaults, which the effective spec names, are taken.
 */
const supportedValues: Readonly<Record<string, ReadonlySet<number>>> = {
  "target.connection_reuse": new Set([ConnectionReuse.UNSPECIFIED, ConnectionReuse.POOLED, ConnectionReuse.NEVER]),
  "target.url_strategy": new Set([UrlStrategy.UNSPECIFIED, UrlStrategy.ROUND_ROBIN]),
  "target.urls.weight": new Set([1]),
  "phases.rate.pattern": new Set([ArrivalPattern.UNSPECIFIED, ArrivalPattern.CONSTANT, ArrivalPattern.POISSON]),
  "phases.rate.overload": new Set([Overload.UNSPECIFIED, Overload.QUEUE]),
};

export interface CompiledSpec {
  /** With all defaults; secrets included. */
  readonly spec: RunSpec;
  /** Legal but suspect, one line each. */
  readonly warnings: readonly string[];
}

/**
 * @param given as the client sent it; not changed
 * @param drawSeed makes the seed of a run that names none
 * @throws `unimplemented` naming every set field that this version does not build; `invalid_argument` with every violation
 */
export function compileRunSpec(given: RunSpec, drawSeed: () => bigint): CompiledSpec {
  const unsupported = unsupportedFields(given);
  if (unsupported.length > 0) {
    throw new AssayError("unimplemented", `not supported by this version: ${unsupported.join(", ")}`, {
      reason: "FIELD_NOT_SUPPORTED",
      violations: unsupported.map((field) => ({ field, description: "not supported by this version" })),
    });
  }
  const spec = withDefaults(given, drawSeed);
  const violations = violationsOf(spec);
  if (violations.length > 0) {
    const lines = violations.map((violation) => `${violation.field}: ${violation.description}`);
    throw new AssayError("invalid_argument", lines.join("; "), { reason: "INVALID_RUN_SPEC", violations });
  }
  return { spec, warnings: warningsOf(spec) };
}

function unsupportedFields(spec: RunSpec): string[] {
  const found: string[] = [];
  visit(reflect(RunSpecSchema, spec), "", "", (field, path, shown, value) => {
    const allowed = supportedValues[path];
    const isOther = typeof value === "number" && allowed !== undefined && !allowed.has(value);
    const isUnknown = field?.fieldKind === "enum" && field.enum.value[Number(value)] === undefined;
    if (!supportedFields.includes(path) || isOther || isUnknown) found.push(shown);
  });
  if ((spec.target?.urls.length ?? 0) > 1) found.push("target.urls[1]");
  return found;
}

/** A message of which something is carried out; of others the mere presence is a wish. */
function isVisited(path: string): boolean {
  return supportedFields.some((field) => field.startsWith(`${path}.`));
}

/**
 * Calls `leaf` for every set field that is not visited in its turn, with its path, its path with indices, and its value. Fields
 * of a later version have no name: they come without a descriptor, as `field 99`.
 */
function visit(
  message: ReflectMessage,
  path: string,
  shown: string,
  leaf: (field: DescField | undefined, path: string, shown: string, value: unknown) => void,
): void {
  const below = (name: string, parent: string): string => (parent === "" ? name : `${parent}.${name}`);
  for (const { no } of message.getUnknown() ?? []) {
    leaf(undefined, below(`field ${no}`, path), below(`field ${no}`, shown), undefined);
  }
  for (const field of message.fields) {
    if (!message.isSet(field)) continue;
    const fieldPath = below(field.name, path);
    const fieldShown = below(field.name, shown);
    if (!isVisited(fieldPath)) {
      leaf(field, fieldPath, fieldShown, message.get(field));
    } else if (field.fieldKind === "message") {
      visit(message.get(field), fieldPath, fieldShown, leaf);
    } else if (field.fieldKind === "list" && field.listKind === "message") {
      let index = 0;
      for (const item of message.get(field)) visit(item as ReflectMessage, fieldPath, `${fieldShown}[${index++}]`, leaf);
    }
  }
}

const defaultUrl = "http://localhost:8000";
const defaultRequestTimeoutSec = 21_600;
const defaultConnectTimeoutSec = 30;
const defaultInputTokens = 550;
const defaultEntries = 100n;
const defaultGraceSec = 30;
/** A request that is sent last ends by its own limit, not by a cancel of the same moment. */
const timeoutMarginSec = 1;
const defaultScrapeMs = 1000;
const defaultWaitIntervalSec = 5;
const defaultWaitMode = "inference";

function withDefaults(given: RunSpec, drawSeed: () => bigint): RunSpec {
  const spec = clone(RunSpecSchema, given);
  const target = spec.target ?? create(TargetSpecSchema);
  spec.target = target;
  if (target.urls.length === 0) target.urls.push(create(TargetUrlSchema, { url: defaultUrl }));
  for (const url of target.urls) {
    if (url.url !== "" && !url.url.includes("://")) url.url = `http://${url.url}`;
    url.weight ??= 1;
    if (url.label === "") url.label = url.url;
  }
  if (target.urlStrategy === UrlStrategy.UNSPECIFIED) target.urlStrategy = UrlStrategy.ROUND_ROBIN;
  if (target.connectionReuse === ConnectionReuse.UNSPECIFIED) target.connectionReuse = ConnectionReuse.POOLED;
  target.requestTimeoutSec ??= defaultRequestTimeoutSec;
  target.connectTimeoutSec ??= Math.min(defaultConnectTimeoutSec, target.requestTimeoutSec);
  addWaitDefaults(target.waitForModel);
  const endpoint = spec.endpoint ?? create(EndpointSpecSchema);
  spec.endpoint = endpoint;
  if (endpoint.type === "") endpoint.type = "chat";
  const tokenizer = spec.tokenizer ?? create(TokenizerSpecSchema);
  spec.tokenizer = tokenizer;
  if (tokenizer.name === "" || tokenizer.name === "builtin") tokenizer.name = defaultEncoding;
  if (spec.modelSelection === ModelSelection.UNSPECIFIED) spec.modelSelection = ModelSelection.ROUND_ROBIN;
  addDatasetDefaults(spec);
  for (const phase of spec.phases) addPhaseDefaults(phase, target.requestTimeoutSec);
  spec.workers ??= create(WorkerSpecSchema);
  const telemetry = spec.telemetry ?? create(TelemetrySpecSchema);
  spec.telemetry = telemetry;
  telemetry.intervalMs ??= defaultScrapeMs;
  const output = spec.output ?? create(OutputSpecSchema);
  spec.output = output;
  if (output.exportLevel === "") output.exportLevel = "records";
  spec.randomSeed ??= drawSeed();
  if (spec.name === "") spec.name = runName(spec);
  return spec;
}

function addWaitDefaults(wait: WaitForModel | undefined): void {
  if (wait === undefined || (wait.timeoutSec ?? 0) === 0) return;
  wait.intervalSec ??= defaultWaitIntervalSec;
  if (wait.mode === "") wait.mode = defaultWaitMode;
}

function addDatasetDefaults(spec: RunSpec): void {
  const dataset = spec.dataset ?? create(DatasetSpecSchema);
  spec.dataset = dataset;
  if (dataset.source.case === undefined) dataset.source = { case: "synthetic", value: create(SyntheticDatasetSchema) };
  if (dataset.sampling === Sampling.UNSPECIFIED) dataset.sampling = Sampling.SEQUENTIAL;
  if (dataset.source.case === "file" && dataset.source.value.onBadRow === "") dataset.source.value.onBadRow = "fail";
  if (dataset.source.case !== "synthetic") return;
  dataset.entries ??= defaultEntries;
  const synthetic = dataset.source.value;
  if (synthetic.corpus === "") synthetic.corpus = "prose";
  synthetic.inputTokens ??= create(DistributionSchema, { mean: defaultInputTokens });
  // A deviation alone: the mean is the default.
  if (synthetic.inputTokens.mean === 0) synthetic.inputTokens.mean = defaultInputTokens;
}

function addPhaseDefaults(phase: PhaseSpec, requestTimeoutSec: number): void {
  const { load, stop } = phase;
  if (load.case === "concurrency" && load.value.unit === ConcurrencyUnit.UNSPECIFIED) load.value.unit = ConcurrencyUnit.SESSION;
  if (load.case === "rate") {
    if (load.value.pattern === ArrivalPattern.UNSPECIFIED) load.value.pattern = ArrivalPattern.POISSON;
    if (load.value.overload === Overload.UNSPECIFIED) load.value.overload = Overload.QUEUE;
  }
  // A phase that ends by a count alone waits for every answer: then the request's own limit bounds the wait.
  phase.graceSec ??= stop?.durationSec === undefined ? requestTimeoutSec + timeoutMarginSec : defaultGraceSec;
}

/** AIPerf's rule for folder names: model, endpoint and the stimulus of the first measured phase. */
function runName(spec: RunSpec): string {
  const model = (spec.models[0] ?? "model").replaceAll("/", "_") + (spec.models.length > 1 ? "_multi" : "");
  const phase = spec.phases.find((candidate) => candidate.kind === PhaseKind.PROFILING) ?? spec.phases[0];
  const load = phase?.load;
  const stimulus =
    load?.case === "concurrency"
      ? `concurrency${load.value.limit}`
      : load?.case === "rate"
        ? `request_rate${load.value.ratePerSec}`
        : (load?.case ?? "load");
  return `${model}-openai-${spec.endpoint?.type ?? "chat"}-${stimulus}`;
}

function violationsOf(spec: RunSpec): FieldViolation[] {
  const found: FieldViolation[] = [];
  const demand = (isGood: boolean, field: string, description: string): void => {
    if (!isGood) found.push({ field, description });
  };
  demand(spec.models.length > 0, "models", "at least one model is needed");
  spec.models.forEach((model, index) => {
    demand(model.trim() !== "", `models[${index}]`, "must not be empty");
  });
  checkModelWeights(spec, demand);
  checkTarget(spec, demand);
  const type = spec.endpoint?.type ?? "";
  demand(endpointNames.includes(type), "endpoint.type", `must be ${endpointNames.join(" or ")}, got ${type}`);
  const path = spec.endpoint?.path ?? "";
  demand(path === "" || path.startsWith("/"), "endpoint.path", `must begin with /, got ${path}`);
  const tokenizer = spec.tokenizer?.name ?? "";
  demand(tokenizerSource(tokenizer) !== undefined, "tokenizer.name", `must be ${expectedTokenizer}, got ${tokenizer}`);
  checkDataset(spec, demand);
  demand(spec.phases.length > 0, "phases", "at least one phase is needed");
  const names = new Set<string>();
  spec.phases.forEach((phase, index) => {
    const at = `phases[${index}]`;
    demand(!names.has(phase.name), `${at}.name`, `must be unique, got ${phase.name} again`);
    names.add(phase.name);
    checkPhase(phase, at, demand);
  });
  const workers = spec.workers?.maxWorkers;
  demand(workers === undefined || workers >= 1, "workers.max_workers", `must be at least 1, got ${workers}`);
  const seed = spec.randomSeed ?? 0n;
  demand(seed <= BigInt(Number.MAX_SAFE_INTEGER), "random_seed", `must be at most ${Number.MAX_SAFE_INTEGER}, got ${seed}`);
  const scrapeMs = spec.telemetry?.intervalMs ?? defaultScrapeMs;
  demand(scrapeMs >= 50, "telemetry.interval_ms", `must be at least 50, got ${scrapeMs}`);
  const level = spec.output?.exportLevel ?? "";
  const isLevel = level === "summary" || level === "records" || level === "raw";
  demand(isLevel, "output.export_level", `must be summary, records or raw, got ${level}`);
  const prefixProblem = exportPrefixProblem(spec.output?.exportPrefix ?? "");
  demand(prefixProblem === undefined, "output.export_prefix", prefixProblem ?? "");
  return found;
}

type Demand = (isGood: boolean, field: string, description: string) => void;

function checkModelWeights({ models, modelSelection, modelWeights }: RunSpec, demand: Demand): void {
  const isWeighted = modelSelection === ModelSelection.WEIGHTED;
  if (!isWeighted) {
    demand(modelWeights.length === 0, "model_weights", "needs the weighted selection of models");
    return;
  }
  const { length } = modelWeights;
  demand(length === models.length, "model_weights", `one for each of the ${models.length} models is needed, got ${length}`);
  modelWeights.forEach((weight, index) => {
    demand(weight >= 0 && Number.isFinite(weight), `model_weights[${index}]`, `must be at least 0, got ${weight}`);
  });
  demand(length === 0 || modelWeights.some((weight) => weight > 0), "model_weights", "one of them must be above 0");
}

function checkTarget(spec: RunSpec, demand: Demand): void {
  const target = spec.target;
  if (target === undefined) return;
  target.urls.forEach((entry, index) => {
    const url = URL.canParse(entry.url) ? new URL(entry.url) : undefined;
    const isHttp = url?.protocol === "http:" || url?.protocol === "https:";
    demand(isHttp, `target.urls[${index}].url`, `must be an http or https URL, got ${entry.url}`);
    demand(
      url === undefined || (url.username === "" && url.password === ""),
      `target.urls[${index}].url`,
      "must not carry a password; use a header or the API key",
    );
  });
  const { sessionHeader } = target;
  demand(
    sessionHeader === "" || isHeaderName(sessionHeader),
    "target.session_header",
    `${JSON.stringify(sessionHeader)} is no header name`,
  );
  for (const [name, value] of Object.entries(target.headers)) {
    demand(isHeaderName(name), "target.headers", `${JSON.stringify(name)} is no header name`);
    demand(isHeaderValue(value), "target.headers", `the value of ${name} holds characters that a header may not have`);
  }
  demand(isHeaderValue(target.apiKey), "target.api_key", "holds characters that a header may not have");
  checkWait(target, demand);
  for (const [name, value] of [
    ["request_timeout_sec", target.requestTimeoutSec],
    ["connect_timeout_sec", target.connectTimeoutSec],
    ["first_byte_timeout_sec", target.firstByteTimeoutSec],
    ["idle_timeout_sec", target.idleTimeoutSec],
  ] as const) {
    demand(value === undefined || (value > 0 && Number.isFinite(value)), `target.${name}`, `must be above 0, got ${value}`);
  }
}

function checkWait({ noProbe, waitForModel }: TargetSpec, demand: Demand): void {
  if (waitForModel === undefined) return;
  const { timeoutSec = 0, intervalSec = defaultWaitIntervalSec, mode } = waitForModel;
  const at = "target.wait_for_model";
  demand(timeoutSec >= 0 && Number.isFinite(timeoutSec), `${at}.timeout_sec`, `must be at least 0, got ${timeoutSec}`);
  demand(intervalSec > 0 && Number.isFinite(intervalSec), `${at}.interval_sec`, `must be above 0, got ${intervalSec}`);
  const isMode = ["", "models", "inference", "both"].includes(mode);
  demand(isMode, `${at}.mode`, `must be models, inference or both, got ${mode}`);
  demand(timeoutSec === 0 || !noProbe, "target.no_probe", "not together with waiting for the model");
  if (timeoutSec !== 0) return;
  const idle = `has no effect without ${at}.timeout_sec`;
  demand(intervalSec === defaultWaitIntervalSec, `${at}.interval_sec`, idle);
  demand(mode === "" || mode === defaultWaitMode, `${at}.mode`, idle);
}

function isHeaderName(name: string): boolean {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name);
}

function isHeaderValue(value: string): boolean {
  return /^[\t\x20-\x7e\x80-\xff]*$/.test(value);
}

function checkDataset(spec: RunSpec, demand: Demand): void {
  const dataset = spec.dataset;
  const entries = dataset?.entries ?? 1n;
  demand(entries >= 1n && entries <= maxEntries, "dataset.entries", `must be from 1 to ${maxEntries}, got ${entries}`);
  switch (dataset?.source.case) {
    case "synthetic": {
      const { corpus, inputTokens, outputTokens } = dataset.source.value;
      demand(corpus === "prose", "dataset.synthetic.corpus", `must be prose, got ${corpus}`);
      checkLength(inputTokens, "dataset.synthetic.input_tokens", demand);
      checkLength(outputTokens, "dataset.synthetic.output_tokens", demand);
      return;
    }
    case "file": {
      const { path, format, onBadRow, outputTokens } = dataset.source.value;
      demand(isAbsolutePath(path), "dataset.file.path", `must be an absolute path, got ${JSON.stringify(path)}`);
      demand(format === "" || format === "single_turn", "dataset.file.format", `must be single_turn, got ${format}`);
      const isChoice = onBadRow === "fail" || onBadRow === "skip";
      demand(isChoice, "dataset.file.on_bad_row", `must be fail or skip, got ${onBadRow}`);
      checkLength(outputTokens, "dataset.file.output_tokens", demand);
      return;
    }
    default:
      return;
  }
}

function checkLength(length: Distribution | undefined, at: string, demand: Demand): void {
  if (length === undefined) return;
  const { mean, stddev } = length;
  demand(mean >= 1 && mean <= maxTokens, `${at}.mean`, `must be from 1 to ${maxTokens}, got ${mean}`);
  demand(stddev >= 0 && Number.isFinite(stddev), `${at}.stddev`, `must be at least 0, got ${stddev}`);
}

const maxTokens = 10_000_000;
const maxEntries = 10_000_000n;
const maxRequests = BigInt(Number.MAX_SAFE_INTEGER);

function checkPhase(phase: PhaseSpec, at: string, demand: Demand): void {
  demand(
    /^[a-z][a-z0-9_-]{0,62}$/.test(phase.name),
    `${at}.name`,
    `must be lower case letters, digits, _ or -, got ${JSON.stringify(phase.name)}`,
  );
  demand(phase.kind !== PhaseKind.UNSPECIFIED, `${at}.kind`, "must be warmup or profiling");
  const { load, stop } = phase;
  demand(load.case !== undefined, `${at}.load`, "a load is needed: a concurrency or a rate");
  if (load.case === "concurrency") {
    demand(load.value.limit >= 1, `${at}.concurrency.limit`, `must be at least 1, got ${load.value.limit}`);
  }
  if (load.case === "rate") {
    const rate = load.value.ratePerSec;
    demand(rate > 0 && Number.isFinite(rate), `${at}.rate.rate_per_sec`, `must be above 0, got ${rate}`);
  }
  const isEnding = stop?.requestCount !== undefined || stop?.durationSec !== undefined;
  demand(isEnding, `${at}.stop`, "a request count or a duration is needed");
  const requests = stop?.requestCount ?? 1n;
  demand(
    requests >= 1n && requests <= maxRequests,
    `${at}.stop.request_count`,
    `must be from 1 to ${maxRequests}, got ${requests}`,
  );
  const durationSec = stop?.durationSec;
  demand(
    durationSec === undefined || (durationSec > 0 && Number.isFinite(durationSec)),
    `${at}.stop.duration_sec`,
    `must be above 0, got ${durationSec}`,
  );
  const graceSec = phase.graceSec ?? 0;
  demand(graceSec >= 0, `${at}.grace_sec`, `must be at least 0, got ${graceSec}`);
}

function warningsOf(spec: RunSpec): string[] {
  const warnings: string[] = [];
  for (const phase of spec.phases) {
    const limit = phase.load.case === "concurrency" ? phase.load.value.limit : 0;
    const count = Number(phase.stop?.requestCount ?? 0n);
    if (count > 0 && limit > count) {
      warnings.push(`phase ${phase.name}: concurrency ${limit} is above its ${count} requests and will not be reached`);
    }
  }
  const { streaming, useServerTokenCount, omitStreamOptions } = spec.endpoint ?? {};
  if (streaming && useServerTokenCount && omitStreamOptions) {
    warnings.push("lengths come from the server's usage alone, and streams are not asked for it");
  }
  if (!spec.phases.some((phase) => phase.kind === PhaseKind.PROFILING)) warnings.push("no phase is measured: all are warm-up");
  return warnings;
}
