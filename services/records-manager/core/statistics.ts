/**
 * Exact statistics of a column of numbers. Percentiles interpolate linearly between the two nearest ranks (numpy's
 * `linear`, as AIPerf does), the standard deviation is that of the population (ddof = 0).
 */

import { PERCENTILES } from "../../common/percentiles.ts";
import { valuesAtRanks } from "./ranks.ts";

export type PercentileKey = `p${(typeof PERCENTILES)[number]}`;

/** Statistics of one metric, all in the metric's unit except `count`. */
export type Statistics = {
  readonly count: number;
  readonly avg: number;
  readonly min: number;
  readonly max: number;
  readonly sum: number;
  readonly std: number;
} & { readonly [key in PercentileKey]: number };

/** Reads a value of an ascending order by its rank, 0 to count - 1. */
export type ValueAtRank = (rank: number) => number;

/** Statistics of `values`, which must hold no NaN. Undefined when there are none. */
export function statisticsOf(values: Float64Array): Statistics | undefined {
  const count = values.length;
  if (count === 0) return undefined;
  const sum = compensatedSum(values);
  const avg = sum / count;
  const variance = squaredDeviations(values, avg) / count;
  const found = valuesAtRanks(values, ranksNeeded(count));
  const valueAt: ValueAtRank = (rank) => found.get(rank) as number;
  return {
    count,
    avg,
    min: valueAt(0),
    max: valueAt(count - 1),
    sum,
    std: Math.sqrt(variance),
    ...percentilesOf(count, valueAt),
  };
}

/** As `statisticsOf`, with so many values more that are endless: what they reach is `Infinity`, and so are mean, sum and deviation. */
export function statisticsWithEndless(values: Float64Array, endless: number): Statistics | undefined {
  if (values.length === 0 || endless === 0) return statisticsOf(values);
  const count = values.length + endless;
  const found = valuesAtRanks(
    values,
    ranksNeeded(count).filter((rank) => rank < values.length),
  );
  const never = Number.POSITIVE_INFINITY;
  const valueAt: ValueAtRank = (rank) => found.get(rank) ?? never;
  return { count, min: valueAt(0), avg: never, max: never, sum: never, std: never, ...percentilesOf(count, valueAt) };
}

/** Statistics of the same values, each less by `by`, and none below 0 (of each statistic, as AIPerf has it). */
export function loweredStatistics({ count, std, sum, ...statistics }: Statistics, by: number): Statistics {
  const lowered = (value: number): number => Math.max(0, value - by);
  const { avg, min, max, p1, p5, p10, p25, p50, p75, p90, p95, p99 } = statistics;
  return {
    count,
    std,
    sum: Math.max(0, sum - count * by),
    avg: lowered(avg),
    min: lowered(min),
    max: lowered(max),
    p1: lowered(p1),
    p5: lowered(p5),
    p10: lowered(p10),
    p25: lowered(p25),
    p50: lowered(p50),
    p75: lowered(p75),
    p90: lowered(p90),
    p95: lowered(p95),
    p99: lowered(p99),
  };
}

/** Some further percentiles of `values`, which are not empty. */
export function selectedPercentiles(values: Float64Array, percentiles: readonly number[]): Map<number, number> {
  const last = values.length - 1;
  const ranks = percentiles.flatMap((percentile) => {
    const rank = Math.floor((last * percentile) / 100);
    return [rank, Math.min(rank + 1, last)];
  });
  const found = valuesAtRanks(
    values,
    [...new Set(ranks)].sort((a, b) => a - b),
  );
  return new Map(percentiles.map((each) => [each, percentileOf(values.length, each, (rank) => found.get(rank) as number)]));
}

/** The nine percentiles of `count` ordered values. */
export function percentilesOf(count: number, valueAt: ValueAtRank): { readonly [key in PercentileKey]: number } {
  const at = (percentile: number) => percentileOf(count, percentile, valueAt);
  return { p1: at(1), p5: at(5), p10: at(10), p25: at(25), p50: at(50), p75: at(75), p90: at(90), p95: at(95), p99: at(99) };
}

/** One percentile (0 to 100) of `count` ≥ 1 ordered values, interpolated linearly. */
export function percentileOf(count: number, percentile: number, valueAt: ValueAtRank): number {
  const position = ((count - 1) * percentile) / 100;
  const rank = Math.floor(position);
  const low = valueAt(rank);
  const share = position - rank;
  if (rank + 1 >= count || share === 0) return low;
  const high = valueAt(rank + 1);
  if (high === Number.POSITIVE_INFINITY) return high;
  // numpy's lerp: from the nearer end, so that share 1 gives exactly `high`.
  return share < 0.5 ? low + (high - low) * share : high - (high - low) * (1 - share);
}

/** Ascending, without repeats: every rank that `statisticsOf` reads. */
function ranksNeeded(count: number): number[] {
  const ranks = new Set([0, count - 1]);
  for (const percentile of PERCENTILES) {
    const rank = Math.floor(((count - 1) * percentile) / 100);
    ranks.add(rank).add(Math.min(rank + 1, count - 1));
  }
  return [...ranks].sort((a, b) => a - b);
}

/** Sum with what each addition loses (Knuth's two-sum): exact to the last digit for any length that fits in memory. */
function compensatedSum(values: Float64Array): number {
  let sum = 0;
  let lost = 0;
  for (let index = 0; index < values.length; index++) {
    const next = values[index] as number;
    const total = sum + next;
    const taken = total - sum;
    lost += sum - (total - taken) + (next - taken);
    sum = total;
  }
  return sum + lost;
}

/** The same of the squares of what values are above or below `avg`: apart from it, since a function for the term costs ten times the sum. */
function squaredDeviations(values: Float64Array, avg: number): number {
  let sum = 0;
  let lost = 0;
  for (let index = 0; index < values.length; index++) {
    const off = (values[index] as number) - avg;
    const next = off * off;
    const total = sum + next;
    const taken = total - sum;
    lost += sum - (total - taken) + (next - taken);
    sum = total;
  }
  return sum + lost;
}
