/** How long an answer is and when its tokens are due: drawn from the options' distributions, one random stream an answer. Pure. */
import { type RandomStream, randomStream } from "../../services/common/random.ts";
import { nonNegativeMs } from "../options/kinds.ts";
import { maxTokensOfAnswer } from "../options/table.ts";
import type { MockOptions } from "../options.ts";
import {
  type Distribution,
  type DistributionSpelling,
  type Draw,
  type DrawLimits,
  drawOf,
  readDistribution,
} from "./distribution.ts";

/** The due times of one answer. */
export interface DueTimes {
  /** When the chunk is due that brings the next `tokens` tokens; the first call gives the first content chunk's, whatever it brings. */
  next(tokens: number): number;
}

/** What was drawn for one answer. */
export interface AnswerPace extends DueTimes {
  /** Tokens of the next content chunk, unless fewer are left. */
  chunkTokens(): number;
}

export interface GridTimes {
  /** Of the first content chunk, before jitter. */
  readonly startNs: number;
  readonly ttftNs: number;
  readonly itlNs: number;
  /** 0…1. */
  readonly jitter: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

const ofTokens: DrawLimits = { min: 1, max: maxTokensOfAnswer, isInteger: true };

/**
 * Times on an absolute grid: token i at `start + ttft + i·itl`, however late the ones before it went out. With jitter j the
 * TTFT is drawn from ttft·[1-j, 1+j] and each later chunk moves by up to ±j/2 of an ITL around its place, so chunks never
 * overtake each other and never drift.
 */
export function gridTimes({ startNs, ttftNs, itlNs, jitter, random }: GridTimes): DueTimes {
  const firstNs = startNs + ttftNs * (jitter === 0 ? 1 : 1 + jitter * (2 * random() - 1));
  let index = -1;
  return {
    next(tokens) {
      const isFirst = index < 0;
      index = isFirst ? 0 : index + tokens;
      const shift = jitter === 0 || isFirst ? 0 : jitter * (random() - 0.5);
      return firstNs + (index + shift) * itlNs;
    },
  };
}

/** Times a drawn gap a token apart. They do not depend on how late the ones before went out either. */
export function drawnTimes(firstNs: number, gapNs: () => number): DueTimes {
  let dueNs = firstNs;
  let isFirst = true;
  return {
    next(tokens) {
      for (let i = isFirst ? tokens : 0; i < tokens; i++) dueNs += gapNs();
      isFirst = false;
      return dueNs;
    },
  };
}

/** The options' distributions, compiled. */
export class Pacing {
  /** Every answer is due at once, whole. */
  readonly isImmediate: boolean;
  readonly #options: MockOptions;
  readonly #itl: Distribution;
  readonly #drawTtft: Draw;
  readonly #drawItl: Draw;
  readonly #osl: Distribution;
  readonly #drawOsl: Draw;
  readonly #drawChunk: Draw;
  readonly #drawSlow: Draw;
  readonly #drawsNothing: boolean;
  readonly #fixedChunk: number | undefined;

  constructor(options: MockOptions) {
    const { ttftMs, itlMs, osl, tokensPerChunk, slowMs, jitter } = options;
    const [ttft, itl, chunk] = [
      compiled(ttftMs, nonNegativeMs),
      compiled(itlMs, nonNegativeMs),
      compiled(tokensPerChunk, ofTokens),
    ];
    this.#options = options;
    this.#itl = itl;
    this.#drawTtft = drawOf(ttft, nonNegativeMs);
    this.#drawItl = drawOf(itl, nonNegativeMs);
    this.#drawChunk = drawOf(chunk, ofTokens);
    this.#osl = compiled(osl, ofTokens);
    this.#drawOsl = drawOf(this.#osl, ofTokens);
    this.#drawSlow = drawOf(compiled(slowMs, nonNegativeMs), nonNegativeMs);
    this.#fixedChunk = chunk.is === "fixed" ? chunk.value : undefined;
    this.#drawsNothing = jitter === 0 && [ttft, itl, chunk].every(({ is }) => is === "fixed");
    this.isImmediate = [ttft, itl].every((distribution) => distribution.is === "fixed" && distribution.value === 0);
  }

  /** The length of the answer to the request with this number, if the request asks for none. */
  lengthOf(ordinal: number): number {
    // A stream costs as much as the rest of a request; most servers have one length.
    if (this.#osl.is === "fixed") return this.#osl.value;
    return this.#drawOsl(randomStream(this.#options.seed, "mock length", ordinal));
  }

  /** By how many ns the first byte of this answer comes later, if it is to be slow. */
  slownessOf(ordinal: number): number {
    return 1e6 * this.#drawSlow(randomStream(this.#options.seed, "mock slow", ordinal));
  }

  /** Each answer has a stream of its own: what it draws depends on the seed and its number, not on who else is served. */
  begin(ordinal: number, startNs: number): AnswerPace {
    const random = this.#drawsNothing ? noRandom : randomStream(this.#options.seed, "mock", ordinal);
    const ttftNs = 1e6 * this.#drawTtft(random);
    const times =
      this.#itl.is === "fixed"
        ? gridTimes({ startNs, ttftNs, itlNs: 1e6 * this.#itl.value, jitter: this.#options.jitter, random: random.next })
        : drawnTimes(startNs + ttftNs, () => 1e6 * this.#drawItl(random));
    const fixedChunk = this.#fixedChunk;
    return { next: times.next, chunkTokens: fixedChunk === undefined ? () => this.#drawChunk(random) : () => fixedChunk };
  }
}

const noRandom: RandomStream = { next: () => 0, below: () => 0, normal: () => 0, exponential: () => 0 };

function compiled(spelling: DistributionSpelling, limits: DrawLimits): Distribution {
  const distribution = readDistribution(spelling, limits);
  if (distribution === undefined) throw new RangeError(`not a distribution: ${spelling}`);
  return distribution;
}
