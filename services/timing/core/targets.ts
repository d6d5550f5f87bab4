/** Which of several targets a request goes to, and how many are out with each. Pure. */
import { type TargetUrl, UrlStrategy } from "../../../gen/assay/common/v1/run_spec_pb.js";

/** What the choice may depend on. */
export interface TargetDraw {
  readonly conversation: number;
  /** Ordinal of the session within its phase. */
  readonly session: number;
}

/** The target, by index in the spec, of a turn that is drawn for the first time. Asked once for each. */
export type TargetChoice = (draw: TargetDraw) => number;

/** How often a worker has met each target: what it was given, whatever became of that. */
export class MetTargets {
  readonly #counts: number[] = [];
  #total = 0;

  met(target: number): void {
    this.#counts[target] = (this.#counts[target] ?? 0) + 1;
    this.#total++;
  }

  /** Of all that it was given, 0 to 1; 0 before it was given anything. */
  shareOf(target: number): number {
    return this.#total === 0 ? 0 : (this.#counts[target] ?? 0) / this.#total;
  }
}

/** How many credits for each target are out with workers, whatever their phase. One for a whole run. */
export class TargetLoads {
  readonly #out: number[];

  constructor(targets: number) {
    this.#out = new Array<number>(targets).fill(0);
  }

  issued(target: number): void {
    this.#out[target] = this.out(target) + 1;
  }

  /** Came back, or is lost. */
  ended(target: number): void {
    this.#out[target] = this.out(target) - 1;
  }

  out(target: number): number {
    return this.#out[target] ?? 0;
  }

  /** The target with the fewest; of several the first. */
  least(): number {
    let least = 0;
    for (let target = 1; target < this.#out.length; target++) if (this.out(target) < this.out(least)) least = target;
    return least;
  }
}

export interface TargetChoiceOptions {
  readonly strategy: UrlStrategy;
  /** At least one. */
  readonly urls: readonly Pick<TargetUrl, "weight">[];
  readonly loads: TargetLoads;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** The order of all targets in the n-th round; the same whenever it is asked for. */
  readonly orderOf: (round: number) => ArrayLike<number>;
}

/**
 * - round robin: round after round, each target once a round and a session with all its turns. The order within a round is drawn: a
 *   fixed one would be in step with the dealing of credits to workers, so that a worker met one target alone.
 * - session: conversation n goes to target n mod count: all its turns, and again whenever it is played.
 * - least loaded: each turn goes where the fewest credits are out.
 * - weighted: each turn goes to a target drawn by weight.
 */
export function targetChoice({ strategy, urls, loads, random, orderOf }: TargetChoiceOptions): TargetChoice {
  switch (strategy) {
    case UrlStrategy.LEAST_LOADED:
      return () => loads.least();
    case UrlStrategy.WEIGHTED:
      return weighted(
        urls.map(({ weight = 1 }) => weight),
        random,
      );
    case UrlStrategy.SESSION:
      return ({ conversation }) => conversation % urls.length;
    default:
      return inRounds(urls.length, orderOf);
  }
}

function inRounds(targets: number, orderOf: TargetChoiceOptions["orderOf"]): TargetChoice {
  let known = { round: -1, order: orderOf(0) };
  return ({ session }) => {
    const round = Math.floor(session / targets);
    if (round !== known.round) known = { round, order: orderOf(round) };
    return known.order[session % targets] ?? 0;
  };
}

function weighted(weights: readonly number[], random: () => number): TargetChoice {
  let total = 0;
  const ends = weights.map((weight) => {
    total += weight;
    return total;
  });
  // What rounding may leave over goes to one that has a weight.
  const last = weights.findLastIndex((weight) => weight > 0);
  return () => {
    const drawn = random() * total;
    const chosen = ends.findIndex((end) => drawn < end);
    return chosen < 0 ? last : chosen;
  };
}
