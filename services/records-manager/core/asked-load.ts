/** What a run asked for of its load, from the spec that its file keeps: proto JSON. What is in it and not known here is passed over. Pure. */
import { isJsonObject, parseJson } from "../../../endpoints/json-body.ts";

export interface AskedLoad {
  /** Arrivals by a clock, or requests that follow the ends of others. Undefined where the spec does not tell. */
  readonly loop: "open" | "closed" | undefined;
  /** A closed loop whose slots are to be used again at once: no limit of prefills and no ramp holds them back. */
  readonly fillsSlots: boolean;
  /** Every request at its time of the dataset. */
  readonly isReplay: boolean;
  /** Many requests are due together, again and again. */
  readonly hasBursts: boolean;
  /** Undefined where it is not one rate, or none was asked for. */
  readonly ratePerSec: number | undefined;
  /** Requests or sessions at once; undefined where the load is another one. */
  readonly concurrency: number | undefined;
  /** Index of dispersion of the arrivals that the pattern gives in the long run: constant 0, Poisson 1, gamma 1/smoothness. */
  readonly dispersion: number | undefined;
}

const NOTHING: AskedLoad = {
  loop: undefined,
  fillsSlots: false,
  isReplay: false,
  hasBursts: false,
  ratePerSec: undefined,
  concurrency: undefined,
  dispersion: undefined,
};

/** `phase`: by index. */
export function askedLoad(spec: string, phase: number): AskedLoad {
  const value = parseJson(spec);
  const found: unknown = isJsonObject(value) && Array.isArray(value.phases) ? value.phases[phase] : undefined;
  if (!isJsonObject(found)) return NOTHING;
  if (isJsonObject(found.concurrency)) {
    const { limit } = found.concurrency;
    const concurrency = typeof limit === "number" ? limit : undefined;
    return {
      ...NOTHING,
      loop: "closed",
      concurrency,
      fillsSlots: found.prefillConcurrency === undefined && !hasEntries(found.ramps),
    };
  }
  if (isJsonObject(found.schedule)) return { ...NOTHING, loop: "open", isReplay: true };
  if (isJsonObject(found.userCentric)) return { ...NOTHING, loop: "open" };
  const { rate } = found;
  if (!isJsonObject(rate)) return NOTHING;
  if (isJsonObject(rate.bursts)) return { ...NOTHING, loop: "open", hasBursts: true };
  const isOneRate = !hasEntries(rate.series) && !hasEntries(found.ramps) && rate.pattern !== "ARRIVAL_PATTERN_CONCURRENCY_BURST";
  if (!isOneRate || typeof rate.ratePerSec !== "number") return { ...NOTHING, loop: "open" };
  return { ...NOTHING, loop: "open", ratePerSec: rate.ratePerSec, dispersion: dispersionOf(rate.pattern, rate.smoothness) };
}

/** The round trip of the network that latencies are shown without, ms; `measured`: by probes. Undefined: nobody asked for it. */
export function askedNetworkRtt(spec: string): number | "measured" | undefined {
  const value = parseJson(spec);
  const output = isJsonObject(value) && isJsonObject(value.output) ? value.output : {};
  if (typeof output.networkLatencyMs === "number") return output.networkLatencyMs;
  return output.measureNetworkLatency === true ? "measured" : undefined;
}

/** The gap between chunks that is a stall, ms; undefined: nobody said. */
export function askedStallMs(spec: string): number | undefined {
  const value = parseJson(spec);
  const output = isJsonObject(value) && isJsonObject(value.output) ? value.output : {};
  return typeof output.stallMs === "number" ? output.stallMs : undefined;
}

/** Every request has a connection of its own. */
export function opensConnectionsAlways(spec: string): boolean {
  const value = parseJson(spec);
  return isJsonObject(value) && isJsonObject(value.target) && value.target.connectionReuse === "CONNECTION_REUSE_NEVER";
}

function dispersionOf(pattern: unknown, smoothness: unknown): number | undefined {
  switch (pattern) {
    case "ARRIVAL_PATTERN_CONSTANT":
      return 0;
    case "ARRIVAL_PATTERN_GAMMA":
      return 1 / (typeof smoothness === "number" && smoothness > 0 ? smoothness : 1);
    case "ARRIVAL_PATTERN_POISSON":
    case undefined:
      return 1;
    default:
      return undefined;
  }
}

function hasEntries(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0;
}
