import { permutation, randomStream } from "./random.ts";

/**
 * `sequential`: in order, from the start again at the end. `random`: with replacement. `shuffle`: every entry once, then in a new
 * order. `weighted`: with replacement, each as often as its weight.
 */
export type SamplingOrder = "sequential" | "random" | "shuffle" | "weighted";

/** Which entry the n-th draw gives: a function of order, size, seed and n alone, so that draws may be asked for in any order. */
export interface Sampler {
  /** Entry, from 0 to below the size, of draw `nth`, counted from 0. */
  draw(nth: number): number;
}

/**
 * A sampler over `size` entries, at least 1; throws a RangeError otherwise. `shuffle` holds 4 bytes an entry and pays a
 * shuffle whenever a draw falls into another round than the draw before; `weighted` holds 8 bytes an entry.
 * @param weights of the entries, above 0, for `weighted`; empty: all the same
 */
export function createSampler(order: SamplingOrder, size: number, seed: number, weights: ArrayLike<number> = []): Sampler {
  if (!(Number.isSafeInteger(size) && size >= 1)) throw new RangeError(`a sampler needs at least one entry, got ${size}`);
  switch (order) {
    case "sequential":
      return { draw: (nth) => nth % size };
    case "random":
      return { draw: (nth) => randomStream(seed, "sampling", nth).below(size) };
    case "shuffle":
      return shuffled(size, seed);
    case "weighted":
      return weights.length === 0 ? createSampler("random", size, seed) : weighted(weights, seed);
  }
}

function shuffled(size: number, seed: number): Sampler {
  let round = -1;
  let entries: Uint32Array = new Uint32Array(0);
  return {
    draw(nth) {
      const wanted = Math.floor(nth / size);
      if (wanted !== round) {
        round = wanted;
        entries = permutation(randomStream(seed, "sampling", "round", round), size);
      }
      return entries[nth % size] as number;
    },
  };
}

/** The entry in whose stretch of the sum of all weights a uniform draw falls. */
function weighted(weights: ArrayLike<number>, seed: number): Sampler {
  const ends = new Float64Array(weights.length);
  let sum = 0;
  for (let entry = 0; entry < weights.length; entry++) {
    sum += weights[entry] as number;
    ends[entry] = sum;
  }
  return { draw: (nth) => firstAbove(ends, sum * randomStream(seed, "sampling", nth).next()) };
}

/** Index of the first value above `bound`, of ascending ones whose last is above it. */
function firstAbove(ascending: Float64Array, bound: number): number {
  let low = 0;
  let high = ascending.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ascending[middle] as number) > bound) high = middle;
    else low = middle + 1;
  }
  return low;
}
