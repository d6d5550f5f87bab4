/**
 * Exact statistics of a column of numbers. Percentiles interpolate linearly between the two nearest ranks (numpy's
 * `linear`, as AIPerf does), the standard deviation is that of the population (ddof = 0).
 */

export const PERCENTILES = [1, 5, 10, 25, 50, 75, 90, 95, 99] as const;
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

/** Statistics of `values`, which are reordered and must hold no NaN. Undefined when there are none. */
export function statisticsOf(values: Float64Array): Statistics | undefined {
  const count = values.length;
  if (count === 0) return undefined;
  const sum = compensatedSum(values, (value) => value);
  const avg = sum / count;
  const variance = compensatedSum(values, (value) => (value - avg) * (value - avg)) / count;
  selectRanks(values, ranksNeeded(count));
  const valueAt: ValueAtRank = (rank) => values[rank] as number;
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
  const finite = statisticsOf(values);
  if (finite === undefined || endless === 0) return finite;
  const count = values.length + endless;
  selectRanks(
    values,
    ranksNeeded(count).filter((rank) => rank < values.length),
  );
  const never = Number.POSITIVE_INFINITY;
  const valueAt: ValueAtRank = (rank) => values[rank] ?? never;
  return { count, min: finite.min, avg: never, max: never, sum: never, std: never, ...percentilesOf(count, valueAt) };
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

/** Some further percentiles of `values`, which are not empty and are reordered. */
export function selectedPercentiles(values: Float64Array, percentiles: readonly number[]): Map<number, number> {
  const last = values.length - 1;
  const ranks = percentiles.flatMap((percentile) => {
    const rank = Math.floor((last * percentile) / 100);
    return [rank, Math.min(rank + 1, last)];
  });
  selectRanks(
    values,
    [...new Set(ranks)].sort((a, b) => a - b),
  );
  return new Map(percentiles.map((each) => [each, percentileOf(values.length, each, (rank) => values[rank] as number)]));
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

/** Sum with Neumaier's compensation: exact to the last digit for any length that fits in memory. */
function compensatedSum(values: Float64Array, term: (value: number) => number): number {
  let sum = 0;
  let lost = 0;
  for (const value of values) {
    const next = term(value);
    const total = sum + next;
    lost += Math.abs(sum) >= Math.abs(next) ? sum - total + next : next - total + sum;
    sum = total;
  }
  return sum + lost;
}

/** Below this length sorting a stretch is cheaper than partitioning it further. */
const SORT_BELOW = 256;
/** A partition deeper than this has met an order that defeats its pivots; sorting bounds the cost. */
const MAX_DEPTH = 64;

/**
 * Reorders `values` until each of the ascending `ranks` holds what it would hold if all were sorted.
 * Linear in the values for a few ranks, where a sort is not.
 */
export function selectRanks(values: Float64Array, ranks: readonly number[]): void {
  const select = (low: number, high: number, firstRank: number, endRank: number, depth: number): void => {
    if (firstRank >= endRank || low >= high) return;
    if (high - low < SORT_BELOW || depth > MAX_DEPTH) {
      values.subarray(low, high + 1).sort();
      return;
    }
    const { leftEnd, rightStart } = partition(values, low, high);
    let split = firstRank;
    while (split < endRank && (ranks[split] as number) <= leftEnd) split++;
    let rest = split;
    while (rest < endRank && (ranks[rest] as number) < rightStart) rest++;
    select(low, leftEnd, firstRank, split, depth + 1);
    select(rightStart, high, rest, endRank, depth + 1);
  };
  select(0, values.length - 1, 0, ranks.length, 0);
}

/** Hoare's partition around the median of three. What lies between `leftEnd` and `rightStart` equals the pivot. */
function partition(values: Float64Array, low: number, high: number): { leftEnd: number; rightStart: number } {
  const pivot = medianOfThree(values[low] as number, values[(low + high) >>> 1] as number, values[high] as number);
  let left = low;
  let right = high;
  while (left <= right) {
    while ((values[left] as number) < pivot) left++;
    while ((values[right] as number) > pivot) right--;
    if (left <= right) {
      const swapped = values[left] as number;
      values[left++] = values[right] as number;
      values[right--] = swapped;
    }
  }
  return { leftEnd: right, rightStart: left };
}

function medianOfThree(a: number, b: number, c: number): number {
  return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
}
