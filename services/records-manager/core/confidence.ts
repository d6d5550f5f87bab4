/**
 * How far a mean or a percentile might be off, had other requests of the same kind been sent: 95 % intervals of a bootstrap, drawn from a
 * seed, so that the same run gives the same intervals. Above 5 000 values the resamples' own limit is taken, which they then hit to
 * a per mille at a thousandth of the cost. Pure.
 */
import type { RandomStream } from "../../common/random.ts";
import { thinPercentiles } from "./notes.ts";
import { percentileOf } from "./statistics.ts";

/** What has an interval. */
export const ESTIMATES = ["avg", "p50", "p90", "p95", "p99"] as const;
export type Estimate = (typeof ESTIMATES)[number];

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** Undefined: too few values lie beyond the percentile, or there are fewer than two at all. */
export type Intervals = Readonly<Record<Estimate, Interval | undefined>>;

const resamples = 1000;
const mostResampled = 5_000;
/** Standard normal deviations on each side of 95 %. */
const deviations = 1.959963984540054;

/** Intervals of `values`, which are sorted by it. The requests must be independent: where latencies drift, intervals are too narrow. */
export function intervalsOf(values: Float64Array, random: RandomStream): Intervals {
  values.sort();
  const thin = new Set<string>(thinPercentiles(values.length));
  const estimates = ESTIMATES.filter((estimate) => values.length > 1 && !thin.has(estimate));
  const found = values.length > mostResampled ? limits(values, estimates) : resampled(values, estimates, random);
  const of = (estimate: Estimate): Interval | undefined => found.get(estimate);
  return { avg: of("avg"), p50: of("p50"), p90: of("p90"), p95: of("p95"), p99: of("p99") };
}

function percentOf(estimate: Estimate): number {
  return Number(estimate.slice(1));
}

function resampled(sorted: Float64Array, estimates: readonly Estimate[], random: RandomStream): Map<Estimate, Interval> {
  const count = sorted.length;
  const drawn = new Map(estimates.map((estimate) => [estimate, new Float64Array(resamples)]));
  // How often each rank was drawn gives the resample in order without sorting it.
  const times = new Uint32Array(count);
  const sample = new Float64Array(count);
  for (let round = 0; round < resamples && estimates.length > 0; round++) {
    times.fill(0);
    for (let index = 0; index < count; index++) {
      const rank = random.below(count);
      times[rank] = (times[rank] as number) + 1;
    }
    let sum = 0;
    let at = 0;
    for (let rank = 0; rank < count; rank++) {
      const value = sorted[rank] as number;
      const repeats = times[rank] as number;
      sum += value * repeats;
      sample.fill(value, at, at + repeats);
      at += repeats;
    }
    for (const [estimate, results] of drawn) {
      results[round] =
        estimate === "avg" ? sum / count : percentileOf(count, percentOf(estimate), (rank) => sample[rank] as number);
    }
  }
  return new Map(
    [...drawn].map(([estimate, results]) => {
      results.sort();
      const at = (percentile: number): number => percentileOf(resamples, percentile, (rank) => results[rank] as number);
      return [estimate, { low: at(2.5), high: at(97.5) }];
    }),
  );
}

/** Of a mean by its standard error; of a percentile the values at the ranks within which its own rank lies. */
function limits(sorted: Float64Array, estimates: readonly Estimate[]): Map<Estimate, Interval> {
  const count = sorted.length;
  const mean = sorted.reduce((sum, value) => sum + value, 0) / count;
  const variance = sorted.reduce((sum, value) => sum + (value - mean) ** 2, 0) / count;
  const error = deviations * Math.sqrt(variance / count);
  return new Map(
    estimates.map((estimate) => {
      if (estimate === "avg") return [estimate, { low: mean - error, high: mean + error }];
      const share = percentOf(estimate) / 100;
      const spread = 100 * deviations * Math.sqrt((share * (1 - share)) / count);
      const at = (percentile: number): number =>
        percentileOf(count, Math.min(100, Math.max(0, percentile)), (rank) => sorted[rank] as number);
      return [estimate, { low: at(100 * share - spread), high: at(100 * share + spread) }];
    }),
  );
}
