/** Which of several targets a request goes to, and how many are out with each. Pure. */
import { type TargetUrl, UrlStrategy } from "../../../gen/assay/common/v1/run_spec_pb.js";
import type { TargetMiss } from "../../common/credits.ts";

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

/** A target that could not be reached. */
interface Down {
  /** How many draws pass it over before it is tried again. */
  readonly passes: number;
  /** How many of these are left. */
  left: number;
  /** The request that tries it is out. */
  isTried: boolean;
}

const firstPasses = 2;
const mostPasses = 128;

/**
 * How many credits for each target are out with workers, whatever their phase, and which targets could not be reached. One for a whole run.
 *
 * A target is down from the first credit that comes back without a connection (refused, unanswered, no such name, TLS), and up again from
 * the first that comes back with one, whatever the answer was. While it is down, draws pass it over: 2 of them, then one request tries it
 * and no other goes there until that is back; after each try that fails twice as many as before, 128 at most. So a target that is
 * dead gets at most one request in 129 in the long run, however fast it refuses, and one that has come back is found after 128 draws
 * at most. Where every target is down, all are taken as if none were.
 */
export class TargetLoads {
  readonly #out: number[];
  readonly #down: (Down | undefined)[];

  constructor(targets: number) {
    this.#out = new Array<number>(targets).fill(0);
    this.#down = new Array<undefined>(targets).fill(undefined);
  }

  issued(target: number): void {
    this.#out[target] = this.out(target) + 1;
  }

  /** Came back, or is lost. `miss`: as credits come back; absent: there was a connection. */
  ended(target: number, miss?: TargetMiss): void {
    this.#out[target] = this.out(target) - 1;
    const down = this.#down[target];
    if (miss === undefined) this.#down[target] = undefined;
    else if (miss === "untried") {
      // Whatever was to try it has not.
      if (down?.isTried) this.#down[target] = { ...down, left: 0, isTried: false };
    } else if (down === undefined || down.isTried) {
      // Those that were on their way when it went down say nothing new.
      const passes = down === undefined ? firstPasses : Math.min(mostPasses, 2 * down.passes);
      this.#down[target] = { passes, left: passes, isTried: false };
    }
  }

  out(target: number): number {
    return this.#out[target] ?? 0;
  }

  /** The target of the next draw: one that is to be tried again, else of those that are up the one with the fewest out; of several the first. */
  draw(): number {
    const least = this.#least((target) => this.#down[target] === undefined);
    if (least === undefined) return this.#least(() => true) ?? 0;
    for (const [target, down] of this.#down.entries()) {
      if (down === undefined || down.isTried) continue;
      if (down.left === 0) {
        down.isTried = true;
        return target;
      }
      down.left--;
    }
    return least;
  }

  #least(isMeant: (target: number) => boolean): number | undefined {
    let least: number | undefined;
    for (let target = 0; target < this.#out.length; target++) {
      if (isMeant(target) && (least === undefined || this.out(target) < this.out(least))) least = target;
    }
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
 * - least loaded: each turn goes where the fewest credits are out, of the targets that can be reached: `TargetLoads` has the rule.
 * - weighted: each turn goes to a target drawn by weight.
 */
export function targetChoice({ strategy, urls, loads, random, orderOf }: TargetChoiceOptions): TargetChoice {
  switch (strategy) {
    case UrlStrategy.LEAST_LOADED:
      return () => loads.draw();
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
