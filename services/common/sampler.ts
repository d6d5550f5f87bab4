import { permutation, randomStream } from "./random.ts";

/** `sequential`: in order, from the start again at the end. `random`: with replacement. `shuffle`: every entry once, then in a new order. */
export type SamplingOrder = "sequential" | "random" | "shuffle";

/** Which entry the n-th draw gives: a function of order, size, seed and n alone, so that draws may be asked for in any order. */
export interface Sampler {
  /** Entry, from 0 to below the size, of draw `nth`, counted from 0. */
  draw(nth: number): number;
}

/**
 * A sampler over `size` entries, at least 1; throws a RangeError otherwise. `shuffle` holds 4 bytes an entry and pays a
 * shuffle whenever a draw falls into another round than the draw before.
 */
export function createSampler(order: SamplingOrder, size: number, seed: number): Sampler {
  if (!(Number.isSafeInteger(size) && size >= 1)) throw new RangeError(`a sampler needs at least one entry, got ${size}`);
  switch (order) {
    case "sequential":
      return { draw: (nth) => nth % size };
    case "random":
      return { draw: (nth) => randomStream(seed, "sampling", nth).below(size) };
    case "shuffle":
      return shuffled(size, seed);
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
