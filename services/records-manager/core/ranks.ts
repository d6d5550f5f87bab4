/** What values would stand at some ranks if they were sorted, in time that is linear in them. */

/** From so many values on, counting is quicker than partitioning. */
const COUNT_FROM = 1 << 15;
/** Bins of doubles by their first bits: sign, exponent, and 8 of the fraction. */
const BIN_BITS = 20;
const BIN_SHIFT = 32 - BIN_BITS;

/** By rank, of ascending `ranks` from 0 to `values.length` − 1. No NaN. `values` stay as they are. */
export function valuesAtRanks(values: Float64Array, ranks: readonly number[]): Map<number, number> {
  if (values.length < COUNT_FROM) return selected(values.slice(), ranks, 0);
  // Such a column is one bin, which would be copied whole.
  const [first = Number.NaN] = values;
  if (values.every((value) => value === first)) return new Map(ranks.map((rank) => [rank, first]));
  const words = new Int32Array(values.buffer, values.byteOffset, 2 * values.length);
  const counts = countedBins(words);
  const stretches = stretchesOf(counts, ranks);
  collect(values, words, counts, stretches);
  return new Map(stretches.flatMap(({ kept, ranks: own, firstRank }) => [...selected(kept, own, firstRank)]));
}

/** Values of one bin, which begin at a rank. */
interface Stretch {
  readonly bin: number;
  readonly firstRank: number;
  readonly ranks: readonly number[];
  readonly kept: Float64Array;
}

/** `values` are reordered, and begin at `firstRank`. */
function selected(values: Float64Array, ranks: readonly number[], firstRank: number): Map<number, number> {
  const own = ranks.map((rank) => rank - firstRank);
  selectRanks(values, own);
  return new Map(ranks.map((rank, index) => [rank, values[own[index] as number] as number]));
}

/** In the order of values: the words of a negative one descend, those of others ascend. */
function binOf(highWord: number): number {
  return (highWord < 0 ? ~highWord : highWord ^ 0x8000_0000) >>> BIN_SHIFT;
}

function countedBins(words: Int32Array): Uint32Array {
  const counts = new Uint32Array(1 << BIN_BITS);
  for (let at = 1; at < words.length; at += 2) {
    const bin = binOf(words[at] as number);
    counts[bin] = (counts[bin] as number) + 1;
  }
  return counts;
}

/** The bins that have a rank. */
function stretchesOf(counts: Uint32Array, ranks: readonly number[]): Stretch[] {
  const stretches: Stretch[] = [];
  let firstRank = 0;
  let next = 0;
  for (let bin = 0; bin < counts.length && next < ranks.length; bin++) {
    const count = counts[bin] as number;
    if (count === 0) continue;
    const from = next;
    while (next < ranks.length && (ranks[next] as number) < firstRank + count) next++;
    if (next > from) stretches.push({ bin, firstRank, ranks: ranks.slice(from, next), kept: new Float64Array(count) });
    firstRank += count;
  }
  return stretches;
}

/** Fills the stretches; `places` is overwritten. */
function collect(values: Float64Array, words: Int32Array, places: Uint32Array, stretches: readonly Stretch[]): void {
  const filled = new Uint32Array(stretches.length);
  const kept = stretches.map((stretch) => stretch.kept);
  places.fill(0);
  for (const [index, { bin }] of stretches.entries()) places[bin] = index + 1;
  for (let index = 0, at = 1; at < words.length; index++, at += 2) {
    const place = places[binOf(words[at] as number)] as number;
    if (place === 0) continue;
    const target = kept[place - 1] as Float64Array;
    const end = filled[place - 1] as number;
    target[end] = values[index] as number;
    filled[place - 1] = end + 1;
  }
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
