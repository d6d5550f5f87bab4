/** The phases of a RunSpec that the options of `assay run` make, of their own or over those of a file. Pure. */
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import type { RunOptions } from "./flags.ts";
import { hasUsers, preferredSchedule, scheduleOf, usersOf } from "./session-loads.ts";

/** AIPerf's rule: without a count or a duration, enough requests for every slot to be used twice. */
const defaultRequestCount = (concurrency: number): number => Math.max(10, 2 * concurrency);

/** Options with what was read of the files that they name. */
export type PhaseOptions = RunOptions & {
  /** Of `--request-rate-series`. */
  readonly ratePoints?: readonly JsonObject[] | undefined;
};

/** Whether options name a load by rate. */
export function isRated({ requestRate, requestRateSeries, burstSize, arrivalPattern }: RunOptions): boolean {
  const hasRate = requestRate !== undefined || requestRateSeries !== undefined || burstSize !== undefined;
  return hasRate || arrivalPattern === "concurrency_burst";
}

export function phasesOf(options: PhaseOptions, file: readonly JsonObject[]): JsonObject[] {
  const { durationSec, requestCount, sessionCount, failedRequestThreshold, concurrency = 1 } = options;
  const isNew = file.length === 0;
  const preferred = isNew ? preferredSchedule(options, isRated(options)) : undefined;
  const stop = stopOf({ requestCount, sessionCount, durationSec });
  const endsItself = options.fixedSchedule === true || preferred !== undefined;
  if (isNew && !endsItself && Object.keys(stop).length === 0) {
    stop.request_count = String(defaultRequestCount(Math.max(concurrency, options.numUsers ?? 1)));
  }
  if (failedRequestThreshold !== undefined) stop.failed_request_share = failedRequestThreshold;
  const profiling: JsonObject = {
    name: "profiling",
    kind: "PHASE_KIND_PROFILING",
    ...loadOf(options),
    ...(preferred === undefined ? {} : { preferred_schedule: preferred }),
    ...(Object.keys(stop).length === 0 ? {} : { stop }),
  };
  const measured = isNew
    ? [withExtras(profiling, options)]
    : file.map((phase) => phaseOver(seamless(phase, options), options, stop));
  const warmup = warmUpBefore(measured.find(isMeasured) ?? profiling, options);
  return warmup === undefined ? measured : [warmup, ...measured.filter(isNoWarmUp)];
}

/** What a phase of the spec was made of: the options of the warm-up, a phase of the file by its index there, or options alone. */
export type PhaseOrigin = "warmup" | "options" | number;

/** Where the phase with this index comes from. */
export function phaseOrigin(index: number, options: RunOptions, file: readonly JsonObject[]): PhaseOrigin {
  const hasWarmUp = Object.keys(warmUpStop(options)).length > 0;
  if (hasWarmUp && index === 0) return "warmup";
  if (file.length === 0) return "options";
  const kept = [...file.keys()].filter((at) => !hasWarmUp || isNoWarmUp(file[at] ?? {}));
  return kept[hasWarmUp ? index - 1 : index] ?? "options";
}

/** One that the options of the warm-up do not take the place of. */
function isNoWarmUp({ name }: JsonObject): boolean {
  return name !== "warmup";
}

interface Stops {
  readonly requestCount: number | undefined;
  readonly sessionCount: number | undefined;
  readonly durationSec: number | undefined;
}

function stopOf({ requestCount, sessionCount, durationSec }: Stops): JsonObject {
  return {
    ...(durationSec === undefined ? {} : { duration_sec: durationSec }),
    ...(requestCount === undefined ? {} : { request_count: String(requestCount) }),
    ...(sessionCount === undefined ? {} : { session_count: String(sessionCount) }),
  };
}

function warmUpStop({ warmupRequestCount, warmupSessionCount, warmupDurationSec }: RunOptions): JsonObject {
  return stopOf({ requestCount: warmupRequestCount, sessionCount: warmupSessionCount, durationSec: warmupDurationSec });
}

/** The warm-up that options ask for, under the load of the measured phase but for what they say of it; undefined: none. */
function warmUpBefore(measured: JsonObject, options: PhaseOptions): JsonObject | undefined {
  const stop = warmUpStop(options);
  if (Object.keys(stop).length === 0) return undefined;
  const { warmupRequestRate, warmupArrivalPattern, warmupConcurrency, warmupPrefillConcurrency, warmupGraceSec } = options;
  // A closed loop's bound is a ceiling where the warm-up alone has a rate.
  const limit = warmupRequestRate === undefined ? undefined : options.concurrency;
  const own: PhaseOptions = {
    ...given("requestRate", warmupRequestRate),
    ...given("arrivalPattern", warmupArrivalPattern),
    ...given("concurrency", warmupConcurrency ?? limit),
    ...given("prefillConcurrency", warmupPrefillConcurrency),
    ...given("graceSec", warmupGraceSec),
    ...given("concurrencyRampSec", options.warmupConcurrencyRampSec),
    ...given("prefillRampSec", options.warmupPrefillRampSec),
    ...given("rateRampSec", options.warmupRateRampSec),
  };
  const { concurrency, rate, prefill_concurrency, ramps } = measured;
  const load: JsonObject = rate === undefined ? { concurrency: concurrency ?? { limit: options.concurrency ?? 1 } } : { rate };
  const phase = {
    name: "warmup",
    kind: "PHASE_KIND_WARMUP",
    ...load,
    ...given("prefill_concurrency", prefillWithin(prefill_concurrency, warmupConcurrency)),
    ...given("ramps", ramps),
    ...(options.seamless === true ? { is_seamless: true } : {}),
    stop,
  };
  return loadOver(withExtras(phase, own), own);
}

/** A bound above the concurrency of a warm-up bounds nothing, and is not the user's. */
function prefillWithin(prefill: JsonValue | undefined, concurrency: number | undefined): JsonValue | undefined {
  return concurrency !== undefined && Number(prefill) > concurrency ? concurrency : prefill;
}

function given<Name extends string, Value>(name: Name, value: Value | undefined): { readonly [key in Name]?: Value } {
  return value === undefined ? {} : ({ [name]: value } as { readonly [key in Name]: Value });
}

/** Whether it is one that load, stop and extras of the options are for. */
export function isMeasured({ kind }: JsonObject): boolean {
  return kind === "PHASE_KIND_PROFILING";
}

/** A measured phase with what options say beside load and stop. */
function withExtras(phase: JsonObject, options: RunOptions): JsonObject {
  const { graceSec, prefillConcurrency, cancellationRate, cancellationDelaySec } = options;
  const cancellation: JsonObject = { ...((phase.cancellation ?? {}) as JsonObject) };
  if (cancellationRate !== undefined) cancellation.share = cancellationRate / 100;
  if (cancellationDelaySec !== undefined) cancellation.delay_sec = cancellationDelaySec;
  const ramps = rampsOver((phase.ramps ?? []) as readonly JsonObject[], options);
  return {
    ...phase,
    ...(ramps.length === 0 ? {} : { ramps }),
    // JSON has no number for it.
    ...(graceSec === undefined ? {} : { grace_sec: graceSec === Number.POSITIVE_INFINITY ? "Infinity" : graceSec }),
    ...(prefillConcurrency === undefined ? {} : { prefill_concurrency: prefillConcurrency }),
    ...(Object.keys(cancellation).length === 0 ? {} : { cancellation }),
  };
}

/** Ramps of a file under those of options, which are as AIPerf's. */
function rampsOver(ramps: readonly JsonObject[], options: RunOptions): JsonObject[] {
  const { concurrencyRampSec, prefillRampSec, rateRampSec } = options;
  const given = { concurrency: concurrencyRampSec, prefill_concurrency: prefillRampSec, rate: rateRampSec };
  const own = Object.entries(given).flatMap(([quantity, durationSec]) => {
    return durationSec === undefined ? [] : [{ quantity, duration_sec: durationSec }];
  });
  return [...ramps.filter(({ quantity }) => !own.some((ramp) => ramp.quantity === quantity)), ...own];
}

/** `--seamless=false` is of all phases of a file. */
function seamless({ is_seamless: isSeamless, ...phase }: JsonObject, options: RunOptions): JsonObject {
  return { ...phase, ...(options.seamless === false ? {} : given("is_seamless", isSeamless)) };
}

/** A phase of a file with the load and the stop that options give; they say nothing about phases that are not measured. */
function phaseOver(phase: JsonObject, options: PhaseOptions, stop: JsonObject): JsonObject {
  if (!isMeasured(phase)) return phase;
  const before: JsonObject = { ...((phase.stop ?? {}) as JsonObject) };
  // Of the counts, one holds.
  if (stop.request_count !== undefined) delete before.session_count;
  if (stop.session_count !== undefined) delete before.request_count;
  return loadOver(withExtras({ ...phase, stop: { ...before, ...stop } }, options), options);
}

/** A phase with the load that options give, as far as they give one. */
function loadOver(phase: JsonObject, options: PhaseOptions): JsonObject {
  const { concurrency, concurrencyUnit } = options;
  const over: JsonObject = { ...phase };
  if (options.fixedSchedule === false) delete over.preferred_schedule;
  if (options.fixedSchedule) return { ...without(over, "schedule"), schedule: schedule(over.schedule, options) };
  if (hasUsers(options)) return { ...without(over, "user_centric"), user_centric: users(over.user_centric, options) };
  if (over.schedule !== undefined && !isRated(options)) return { ...over, schedule: schedule(over.schedule, options) };
  if (over.user_centric !== undefined && !isRated(options)) return { ...over, user_centric: users(over.user_centric, options) };
  if (isRated(options)) {
    for (const load of ["concurrency", "schedule", "user_centric", "preferred_schedule"]) delete over[load];
    return { ...over, rate: rateOver((phase.rate ?? {}) as JsonObject, options) };
  }
  const rate = phase.rate as JsonObject | undefined;
  if (rate === undefined) {
    const closed: JsonObject = { ...((phase.concurrency ?? {}) as JsonObject) };
    if (concurrency !== undefined) closed.limit = concurrency;
    if (concurrencyUnit !== undefined) closed.unit = unitOf(concurrencyUnit);
    return Object.keys(closed).length === 0 ? over : { ...over, concurrency: closed };
  }
  return { ...over, rate: rateUnder(rate, options) };
}

/** A phase with this load alone. */
function without(phase: JsonObject, load: "schedule" | "user_centric"): JsonObject {
  const others = ["concurrency", "rate", "schedule", "user_centric", "preferred_schedule"].filter((name) => name !== load);
  return Object.fromEntries(Object.entries(phase).filter(([name]) => !others.includes(name)));
}

function schedule(given: JsonValue | undefined, options: RunOptions): JsonObject {
  return { ...((given ?? {}) as JsonObject), ...scheduleOf(options) };
}

function users(given: JsonValue | undefined, options: RunOptions): JsonObject {
  return { ...((given ?? {}) as JsonObject), ...usersOf(options) };
}

/** A rate of a file under that of options: of the rates, one holds. */
function rateOver(rate: JsonObject, options: PhaseOptions): JsonObject {
  const { rate_per_sec: _rate, series: _series, bursts: _bursts, ...rest } = rate;
  if (options.burstSize !== undefined || rest.pattern === patternOf("concurrency_burst")) delete rest.pattern;
  return rateUnder(rest, options);
}

/** A rate with what options say of it; what only the pattern before had a use for goes with that. */
function rateUnder(rate: JsonObject, options: PhaseOptions): JsonObject {
  const { arrivalPattern } = options;
  const rest = { ...rate };
  if (arrivalPattern !== undefined && arrivalPattern !== "gamma") delete rest.smoothness;
  if (arrivalPattern === "concurrency_burst") delete rest.overload;
  return { ...rest, ...rateOf(options) };
}

function patternOf(pattern: string): string {
  return `ARRIVAL_PATTERN_${pattern.toUpperCase()}`;
}

function unitOf(unit: string): string {
  return `CONCURRENCY_UNIT_${unit.toUpperCase()}`;
}

function loadOf(options: PhaseOptions): JsonObject {
  if (options.fixedSchedule) return { schedule: scheduleOf(options) };
  if (hasUsers(options)) return { user_centric: usersOf(options) };
  const { concurrency = 1, concurrencyUnit, arrivalPattern } = options;
  const unit = concurrencyUnit === undefined ? {} : { unit: unitOf(concurrencyUnit) };
  if (!isRated(options)) return { concurrency: { limit: concurrency, ...unit } };
  const rate = rateOf(options);
  return { rate: arrivalPattern === "concurrency_burst" ? { ...rate, concurrency_ceiling: concurrency } : rate };
}

/** The fields of a load by rate that options give. */
function rateOf(options: PhaseOptions): JsonObject {
  const { requestRate, arrivalPattern, arrivalSmoothness, concurrency, concurrencyUnit, overload } = options;
  const { ratePoints, burstSize, burstIntervalSec } = options;
  const rate: JsonObject = {};
  if (requestRate !== undefined) rate.rate_per_sec = requestRate;
  if (ratePoints !== undefined) rate.series = [...ratePoints];
  if (burstSize !== undefined) rate.bursts = { size: burstSize, interval_sec: burstIntervalSec ?? 0 };
  if (arrivalPattern !== undefined) rate.pattern = patternOf(arrivalPattern);
  if (arrivalSmoothness !== undefined) rate.smoothness = arrivalSmoothness;
  if (concurrency !== undefined) rate.concurrency_ceiling = concurrency;
  if (concurrencyUnit !== undefined) rate.ceiling_unit = unitOf(concurrencyUnit);
  if (overload !== undefined) rate.overload = `OVERLOAD_${overload.toUpperCase()}`;
  return rate;
}
