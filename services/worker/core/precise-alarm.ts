/**
 * Wakes a worker at given moments to some microseconds, where a timer of the event loop is up to a millisecond late. A bell (a
 * thread's, or a timer) rings a little before the moment, since whoever sleeps is woken late, and from there on the loop turns without
 * sleeping, sockets served at every turn. Where that does not help, since others want the cores and whoever turns is made to wait for
 * longer than whoever sleeps, the loop sleeps until the bell for a while. Pure: clock, turns and the bell come in.
 */

/** How much a loop may turn. */
export interface TurningTerms {
  /** The bell rings so long before the moment, at most. */
  readonly leadNs: number;
  /** And no longer than this share of the time from when the moment was asked for until it is there. */
  readonly leadShare: number;
}

/** For a thread's bell: longer than a thread and then a loop usually take to wake, as short as that allows. The loop may turn all the time. */
export const threadTerms: TurningTerms = { leadNs: 250e3, leadShare: 1 };
/** For a timer, which is late by up to 1 ms: the loop turns for a fifth of the time at most. */
export const timerTerms: TurningTerms = { leadNs: 1.1e6, leadShare: 0.2 };
/** A turn that took less than this found nothing to do. */
const idleTurnNs = 10e3;
/** Whoever turned towards a moment and was so late has missed it. */
const missNs = 1e6;
/** No pause of its own makes a loop so late: somebody else had the core. */
const stallNs = 10e6;
/** So many misses more than hits, or one stall, and the loop does not turn for so long. */
export const missesInRow = 4;
export const restNs = 1e9;

export interface PreciseAlarmOptions {
  readonly terms: TurningTerms;
  readonly clock: () => number;
  /** Calls at the next turn of the event loop, sockets served in between. */
  readonly defer: (turn: () => void) => void;
  /** Has `rang` called once at this moment or after, in place of any earlier wish; Infinity: not at all. */
  readonly ringAt: (ns: number) => void;
  /** Gets how long the loop turned for nothing but being awake, so that it does not count as work. */
  readonly onSpun: (ns: number) => void;
  /** Never called before the moment. Should end by calling `at` again. */
  readonly wake: () => void;
}

export class PreciseAlarm {
  readonly #options: PreciseAlarmOptions;
  readonly #turn: () => void = () => this.#look();
  #atNs = Number.POSITIVE_INFINITY;
  #leadNs = 0;
  #turnNs = 0;
  #misses = 0;
  #restUntilNs = Number.NEGATIVE_INFINITY;
  #isTurning = false;
  #isClosed = false;

  constructor(options: PreciseAlarmOptions) {
    this.#options = options;
  }

  /** Whether the loop is kept from sleeping. */
  get isTurning(): boolean {
    return this.#isTurning;
  }

  /** Wakes at this moment, in place of any earlier wish; past: at the next turn. Infinity: nothing to wake for. */
  at(ns: number): void {
    if (this.#isClosed || ns === this.#atNs) return;
    const { clock, terms } = this.#options;
    this.#atNs = ns;
    this.#leadNs = Math.min(terms.leadNs, terms.leadShare * Math.max(0, ns - clock()));
    if (!this.#isTurning) this.#sleepOrTurn();
  }

  /** The bell has rung. */
  rang(): void {
    if (!this.#isClosed && !this.#isTurning) this.#sleepOrTurn();
  }

  /** Wakes no more. */
  close(): void {
    this.#isClosed = true;
    this.#atNs = Number.POSITIVE_INFINITY;
  }

  #sleepOrTurn(): void {
    const now = this.#options.clock();
    const aheadNs = now < this.#restUntilNs ? 0 : this.#leadNs;
    this.#isTurning = this.#atNs - now <= aheadNs;
    if (this.#isTurning) {
      this.#turnNs = now;
      this.#options.defer(this.#turn);
    } else this.#options.ringAt(this.#atNs - aheadNs);
  }

  #look(): void {
    const { clock, onSpun, wake } = this.#options;
    const now = clock();
    const turnNs = now - this.#turnNs;
    if (turnNs < idleTurnNs) onSpun(turnNs);
    this.#isTurning = false;
    if (this.#isClosed) return;
    if (now >= this.#atNs) {
      if (this.#turnNs < this.#atNs) this.#count(now - this.#atNs, now);
      // Whatever `wake` asks for is taken up below.
      this.#isTurning = true;
      this.#atNs = Number.POSITIVE_INFINITY;
      wake();
    }
    this.#isTurning = false;
    if (!this.#isClosed) this.#sleepOrTurn();
  }

  /** Of moments that the loop turned towards. */
  #count(lateNs: number, now: number): void {
    this.#misses = Math.max(0, this.#misses + (lateNs > missNs ? 1 : -1));
    if (this.#misses < missesInRow && lateNs < stallNs) return;
    this.#misses = 0;
    this.#restUntilNs = now + restNs;
  }
}
