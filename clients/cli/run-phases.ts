/** The phases of a RunSpec that the options of `assay run` make, of their own or over those of a file. Pure. */
import type { JsonObject } from "@bufbuild/protobuf";
import type { RunOptions } from "./flags.ts";

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
  const { requestCount, durationSec, failedRequestThreshold, warmupRequestCount, concurrency = 1 } = options;
  const isNew = file.length === 0;
  const stop: JsonObject = {};
  if (durationSec !== undefined) stop.duration_sec = durationSec;
  if (requestCount !== undefined) stop.request_count = String(requestCount);
  else if (isNew && durationSec === undefined) stop.request_count = String(defaultRequestCount(concurrency));
  if (failedRequestThreshold !== undefined) stop.failed_request_share = failedRequestThreshold;
  const profiling: JsonObject = { name: "profiling", kind: "PHASE_KIND_PROFILING", ...loadOf(options), stop };
  const measured = isNew ? [withExtras(profiling, options)] : file.map((phase) => phaseOver(phase, options, stop));
  if (warmupRequestCount === undefined) return measured;
  const { concurrency: closed, rate, ramps } = measured.find(isMeasured) ?? profiling;
  const load = rate === undefined ? { concurrency: closed ?? { limit: 1 } } : { rate };
  const warmup = {
    name: "warmup",
    kind: "PHASE_KIND_WARMUP",
    ...load,
    ...(ramps === undefined ? {} : { ramps }),
    stop: { request_count: String(warmupRequestCount) },
  } satisfies JsonObject;
  return [warmup, ...measured.filter(({ name }) => name !== "warmup")];
}

function isMeasured({ kind }: JsonObject): boolean {
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
    ...(graceSec === undefined ? {} : { grace_sec: graceSec }),
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

/** A phase of a file with the load and the stop that options give; they say nothing about phases that are not measured. */
function phaseOver(phase: JsonObject, options: PhaseOptions, stop: JsonObject): JsonObject {
  if (!isMeasured(phase)) return phase;
  const { concurrency, concurrencyUnit } = options;
  const over: JsonObject = withExtras({ ...phase, stop: { ...((phase.stop ?? {}) as JsonObject), ...stop } }, options);
  if (isRated(options)) {
    for (const load of ["concurrency", "schedule", "user_centric"]) delete over[load];
    return { ...over, rate: rateOver((phase.rate ?? {}) as JsonObject, options) };
  }
  const rate = phase.rate as JsonObject | undefined;
  if (rate === undefined) {
    const closed: JsonObject = { ...((phase.concurrency ?? {}) as JsonObject) };
    if (concurrency !== undefined) closed.limit = concurrency;
    if (concurrencyUnit !== undefined) closed.unit = unitOf(concurrencyUnit);
    return Object.keys(closed).length === 0 ? over : { ...over, concurrency: closed };
  }
  return { ...over, rate: { ...rate, ...rateOf(options) } };
}

/** A rate of a file under that of options: of the rates, one holds. */
function rateOver(rate: JsonObject, options: PhaseOptions): JsonObject {
  const { rate_per_sec: _rate, series: _series, bursts: _bursts, ...rest } = rate;
  if (options.burstSize !== undefined) delete rest.pattern;
  return { ...rest, ...rateOf(options) };
}

function patternOf(pattern: string): string {
  return `ARRIVAL_PATTERN_${pattern.toUpperCase()}`;
}

function unitOf(unit: string): string {
  return `CONCURRENCY_UNIT_${unit.toUpperCase()}`;
}

function loadOf(options: PhaseOptions): { concurrency?: JsonObject; rate?: JsonObject } {
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
