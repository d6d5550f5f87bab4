/**
 * Exact distribution of whole numbers of µs, in memory that does not grow with how many there are: one counter for each
 * value below about a second, a map for the few above.
 */
import { percentileOf, percentilesOf, type Statistics } from "./statistics.ts";

/** Below it, about a second, every gap has a counter of its own. */
export const DENSE_BELOW_US = 1 << 20;

/** Filled with `add`, read with `statistics`; any number of times, in any order. */
export class GapDistribution {
  // Doubles count exactly up to 2^53; a Uint32 would overflow in a run of some billion chunks.
  #dense = new Float64Array(4096);
  readonly #sparse = new Map<number, number>();
  #count = 0;

  /** Counts a gap, a whole number ≥ 0, so many times. */
  add(gapUs: number, times = 1): void {
    this.#count += times;
    if (gapUs < DENSE_BELOW_US) {
      if (gapUs >= this.#dense.length) this.#grow(gapUs);
      this.#dense[gapUs] = (this.#dense[gapUs] as number) + times;
    } else this.#sparse.set(gapUs, (this.#sparse.get(gapUs) ?? 0) + times);
  }

  /** Memory that it takes, about. */
  get sizeBytes(): number {
    return this.#dense.byteLength + this.#sparse.size * 48;
  }

  /** Statistics in ms; undefined when nothing was counted. */
  statistics(): Statistics | undefined {
    const count = this.#count;
    if (count === 0) return undefined;
    const { valuesUs, ends } = this.#cumulated();
    const counts = ends.map((end, index) => end - (ends[index - 1] ?? 0));
    const sumUs = valuesUs.reduce((sum, value, index) => sum + value * (counts[index] as number), 0);
    const avgUs = sumUs / count;
    const varianceUs = valuesUs.reduce((sum, value, index) => sum + (value - avgUs) ** 2 * (counts[index] as number), 0) / count;
    const valueAt = (rank: number) => (valuesUs[firstAbove(ends, rank)] as number) / 1000;
    return {
      count,
      avg: avgUs / 1000,
      min: valueAt(0),
      max: valueAt(count - 1),
      sum: sumUs / 1000,
      std: Math.sqrt(varianceUs) / 1000,
      ...percentilesOf(count, valueAt),
    };
  }

  /** Some further percentiles in ms; empty when nothing was counted. */
  percentiles(percentiles: readonly number[]): Map<number, number> {
    if (this.#count === 0) return new Map();
    const { valuesUs, ends } = this.#cumulated();
    const valueAt = (rank: number) => (valuesUs[firstAbove(ends, rank)] as number) / 1000;
    return new Map(percentiles.map((each) => [each, percentileOf(this.#count, each, valueAt)]));
  }

  /** How many gaps are at least that long, a whole number of µs. */
  countFrom(leastMs: number): number {
    const leastUs = Math.round(leastMs * 1000);
    let count = 0;
    for (let gapUs = leastUs; gapUs < this.#dense.length; gapUs++) count += this.#dense[gapUs] as number;
    for (const [gapUs, times] of this.#sparse) if (gapUs >= leastUs) count += times;
    return count;
  }

  #grow(gapUs: number): void {
    let length = this.#dense.length;
    while (length <= gapUs) length *= 2;
    const grown = new Float64Array(length);
    grown.set(this.#dense);
    this.#dense = grown;
  }

  /** Values that occur, ascending, and for each how many gaps are not above it. */
  #cumulated(): { valuesUs: number[]; ends: number[] } {
    const valuesUs: number[] = [];
    const ends: number[] = [];
    let end = 0;
    const push = (valueUs: number, times: number) => {
      end += times;
      valuesUs.push(valueUs);
      ends.push(end);
    };
    this.#dense.forEach((times, valueUs) => {
      if (times > 0) push(valueUs, times);
    });
    for (const [valueUs, times] of [...this.#sparse].sort(([a], [b]) => a - b)) push(valueUs, times);
    return { valuesUs, ends };
  }
}

/** Index of the first of the ascending `ends` that is above `rank`. */
function firstAbove(ends: readonly number[], rank: number): number {
  let low = 0;
  let high = ends.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ends[middle] as number) > rank) high = middle;
    else low = middle + 1;
  }
  return low;
}
