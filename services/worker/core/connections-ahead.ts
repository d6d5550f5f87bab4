/** How many connections a worker opens before the first phase. Pure. */
import {
  ConnectionReuse,
  type PhaseSpec,
  type RateLoad,
  type TargetSpec,
  type TargetUrl,
  UrlStrategy,
} from "../../../gen/assay/common/v1/run_spec_pb.js";
import { sessionsOfFirstSecond } from "./schedule-start.ts";

/** What a load needs beyond is opened when it does. */
const mostOfWorker = 20_000;
/** Of all workers, for a load whose requests at once depend on how fast the target answers. */
const mostByRate = 1024;

export interface AheadOptions {
  readonly target: TargetSpec;
  readonly phases: readonly PhaseSpec[];
  /** Among which the load is shared. */
  readonly workers: number;
  /** How many this worker may open at all; Infinity: not known. */
  readonly most: number;
  /** When the dataset's conversations begin by their own timestamps, ascending, µs. Empty: they have none. */
  readonly firstTurnsUs: Float64Array;
}

/**
 * By target: this worker's share of the largest load, split as the strategy splits it. None where connections are not kept.
 *
 * How many a rate needs nobody knows before the target has answered. One second's arrivals are taken: with answers of up to a second
 * the first one finds its connections open, and few stand idle.
 */
export function connectionsAhead({ target, phases, workers, most, firstTurnsUs }: AheadOptions): number[] {
  const { urls, urlStrategy, connectionReuse } = target;
  if (connectionReuse === ConnectionReuse.NEVER) return urls.map(() => 0);
  const largest = Math.max(1, ...phases.map((phase) => atOnce(phase, firstTurnsUs)));
  const share = Math.min(mostOfWorker, most, Math.ceil(largest / Math.max(1, workers)));
  const weights = urls.map(({ weight = 1 }: TargetUrl) => (urlStrategy === UrlStrategy.WEIGHTED ? weight : 1));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => Math.ceil((share * weight) / total));
}

function atOnce({ load }: PhaseSpec, firstTurnsUs: Float64Array): number {
  switch (load.case) {
    case "concurrency":
      return load.value.limit;
    case "rate":
      return Math.min(load.value.concurrencyCeiling ?? Number.POSITIVE_INFINITY, ofRate(load.value));
    case "schedule": {
      const { concurrencyCeiling = Number.POSITIVE_INFINITY } = load.value;
      return Math.min(concurrencyCeiling, sessionsOfFirstSecond(load.value, firstTurnsUs));
    }
    case "userCentric": {
      const { users, ratePerSec, concurrencyCeiling = Number.POSITIVE_INFINITY } = load.value;
      return Math.min(concurrencyCeiling, users, ofSecond(ratePerSec));
    }
    default:
      return 1;
  }
}

/** A burst is sent at once, whatever the target does. */
function ofRate({ ratePerSec, series, bursts }: RateLoad): number {
  if (bursts !== undefined) return bursts.size;
  return ofSecond(Math.max(ratePerSec, ...series.map((point) => point.ratePerSec)));
}

function ofSecond(ratePerSec: number): number {
  return Math.min(mostByRate, Math.ceil(ratePerSec));
}
