/** What the options of `assay run` mean together, and the RunSpec that they make. Pure. */
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { type Flag, type RunOptions, runFlags } from "./flags.ts";

/** What is wrong between options, one line each; `given` names those that were meant to be given, readable or not. */
export function conflictsOf(options: RunOptions, given: ReadonlySet<string>): string[] {
  const has = (name: keyof RunOptions): boolean => given.has(name);
  const problems: string[] = [];
  const needs = (name: keyof RunOptions, needed: keyof RunOptions): void => {
    if (has(name) && !has(needed)) problems.push(`${shown(name, options)}: needs ${runFlags[needed].flag} beside it`);
  };
  const excludes = (one: keyof RunOptions, other: keyof RunOptions): void => {
    if (has(one) && has(other)) problems.push(`${shown(one, options)}: not together with ${runFlags[other].flag}`);
  };
  if (!has("models") && !has("mock")) problems.push("--model: expected the name of the model to ask for");
  needs("arrivalPattern", "requestRate");
  needs("graceSec", "durationSec");
  if (!has("mock")) {
    needs("islStddev", "isl");
    needs("oslStddev", "osl");
  }
  needs("tokenFile", "controller");
  excludes("noProbe", "waitForModelTimeoutSec");
  excludes("mock", "urls");
  excludes("gpuTelemetry", "noGpuTelemetry");
  excludes("logFile", "controller");
  return problems;
}

/** `--concurrency 8`; without the value where that is a secret or none. */
export function shown(name: keyof RunOptions, options: RunOptions): string {
  const flag: Flag = runFlags[name];
  const value = options[name];
  const isShown = !flag.isSecret && (typeof value === "string" || typeof value === "number");
  return isShown ? `${flag.flag} ${value}` : flag.flag;
}

/** What the built-in server of `--mock` lists as its models. */
export function mockModels({ models = ["mock-model"] }: RunOptions): readonly string[] {
  return models;
}

/** What `--mock` stands for; everything that was given wins. `url` is where the built-in server listens. */
export function withMock(options: RunOptions, url: string): RunOptions {
  const hasLoad = options.concurrency !== undefined || options.requestRate !== undefined;
  const hasStop = options.requestCount !== undefined || options.durationSec !== undefined;
  return {
    models: mockModels({}),
    streaming: true,
    isl: 128,
    osl: 32,
    ...(hasLoad ? {} : { concurrency: 8 }),
    ...(hasStop ? {} : { requestCount: 100 }),
    ...options,
    urls: [url],
  };
}

/** A RunSpec in proto JSON, with what was given and nothing else; a load and a stop there always are. */
export function runSpecJson(options: RunOptions): JsonObject {
  const spec: JsonObject = {};
  for (const [name, value] of Object.entries(options)) {
    const path = pathsOf(name)[0];
    if (path === undefined || path.startsWith("phases.")) continue;
    put(spec, path.split("."), path === "target.urls" ? options.urls?.map((url) => ({ url })) : value);
  }
  spec.phases = phasesOf(options);
  return spec;
}

/** AIPerf's rule: without a count or a duration, enough requests for every slot to be used twice. */
const defaultRequestCount = (concurrency: number): number => Math.max(10, 2 * concurrency);

function phasesOf(options: RunOptions): JsonObject[] {
  const { requestCount, durationSec, graceSec, warmupRequestCount, concurrency = 1 } = options;
  const load = loadOf(options);
  const stop: JsonObject = {};
  if (durationSec !== undefined) stop.duration_sec = durationSec;
  if (requestCount !== undefined) stop.request_count = String(requestCount);
  else if (durationSec === undefined) stop.request_count = String(defaultRequestCount(concurrency));
  const profiling: JsonObject = { name: "profiling", kind: "PHASE_KIND_PROFILING", ...load, stop };
  if (graceSec !== undefined) profiling.grace_sec = graceSec;
  if (warmupRequestCount === undefined) return [profiling];
  const warmup = { name: "warmup", kind: "PHASE_KIND_WARMUP", ...load, stop: { request_count: String(warmupRequestCount) } };
  return [warmup, profiling];
}

function loadOf({ requestRate, arrivalPattern, concurrency }: RunOptions): JsonObject {
  if (requestRate === undefined) return { concurrency: { limit: concurrency ?? 1 } };
  const rate: JsonObject = { rate_per_sec: requestRate };
  if (arrivalPattern !== undefined) rate.pattern = `ARRIVAL_PATTERN_${arrivalPattern.toUpperCase()}`;
  if (concurrency !== undefined) rate.concurrency_ceiling = concurrency;
  return { rate };
}

function put(object: JsonObject, path: readonly string[], value: unknown): void {
  const [name = "", ...rest] = path;
  if (rest.length === 0) {
    // Values of the table are texts, numbers, booleans, and lists and objects of these.
    object[name] = value as JsonValue;
    return;
  }
  const inner = (object[name] ?? {}) as JsonObject;
  object[name] = inner;
  put(inner, rest, value);
}

/** A field of the RunSpec that a controller complains about. */
export interface Complaint {
  /** Path with indices, `phases[0].concurrency.limit`. */
  readonly field: string;
  readonly description: string;
}

/** The complaint about the flag that the field comes from, `--concurrency 8: …`; about the field where no flag makes it. */
export function complaintLine({ field, description }: Complaint, options: RunOptions): string {
  const path = field.replaceAll(/\[\d+\]/g, "");
  const name = Object.keys(runFlags).find((key) => pathsOf(key).some((own) => path === own || path.startsWith(`${own}.`)));
  if (name === undefined || !isRunOption(name)) return field === "" ? description : `${field}: ${description}`;
  return `${shown(name, options)}: ${description} (${field})`;
}

function pathsOf(name: string): readonly string[] {
  if (!isRunOption(name)) return [];
  const flag: Flag = runFlags[name];
  return flag.paths ?? [];
}

function isRunOption(name: string): name is keyof RunOptions {
  return Object.hasOwn(runFlags, name);
}
