import type { Incarnation } from "../../common/credits.ts";

/**
 * Somebody who extends the lease while the event loop is busy in one long turn, as long as the loop's last life sign is not too old: a
 * process that stands still as a whole extends nothing, nor does a loop that never comes round again.
 */
export interface LeaseGuard {
  /** When the lease is over that it got since `void`; −Infinity: it got none. Moves while nobody is called. */
  readonly endNs: number;
  /** The loop has read an answer of timing at this moment: this incarnation may be kept, by leases of this length. */
  alive(sign: LifeSign): void;
  /** The stream is broken: nothing is extended until the next life sign. What was got stays. */
  rest(): void;
  /** What was got is over, and what is under way will be: another incarnation begins, or the clock stood still. */
  void(): void;
}

export interface LifeSign {
  readonly incarnation: Incarnation;
  readonly leaseNs: number;
  readonly now: number;
}

/** Where a loop has nobody beside it. */
const noGuard: LeaseGuard = { endNs: Number.NEGATIVE_INFINITY, alive() {}, rest() {}, void() {} };

/**
 * The worker's right to have requests in flight. It counts from the worker's own clock reading before it asked, so an answer that
 * lay in a buffer extends nothing; the end never moves back.
 */
export class WorkerLease {
  readonly #guard: LeaseGuard;
  #endNs = Number.NEGATIVE_INFINITY;
  #lengthNs = 0;
  #asked = 0;
  #void = 0;
  // Renewals asked for and not answered: number → clock reading before it was sent.
  readonly #askedNs = new Map<number, number>();

  /** `guard`: voided, since it may have extended the lease of an incarnation before. */
  constructor(guard: LeaseGuard = noGuard) {
    this.#guard = guard;
    guard.void();
  }

  /** When it is over; −Infinity before the first answer. */
  get endNs(): number {
    return Math.max(this.#endNs, this.#guard.endNs);
  }

  /** Clock reading of the oldest renewal without an answer; Infinity when there is none. */
  get unansweredSinceNs(): number {
    for (const askedNs of this.#askedNs.values()) return askedNs;
    return Number.POSITIVE_INFINITY;
  }

  isValid(now: number): boolean {
    return now < this.#endNs || now < this.#guard.endNs;
  }

  /** A renewal is about to be sent; `now` was read before. Returns its number. */
  asks(now: number): number {
    this.#askedNs.set(++this.#asked, now);
    return this.#asked;
  }

  /** Timing answered renewal n. An answer covers all that were asked before. */
  answered(n: number): void {
    const askedNs = this.#askedNs.get(n);
    for (const earlier of this.#askedNs.keys()) if (earlier <= n) this.#askedNs.delete(earlier);
    if (askedNs === undefined || n <= this.#void) return;
    this.#endNs = Math.max(this.#endNs, askedNs + this.#lengthNs);
  }

  /** The loop has read an answer: whoever guards the lease may go on from here. */
  signLife(incarnation: Incarnation, now: number): void {
    this.#guard.alive({ incarnation, leaseNs: this.#lengthNs, now });
  }

  /** How long a lease is, as timing said in its welcome. */
  setLength(lengthNs: number): void {
    this.#lengthNs = lengthNs;
  }

  /** The stream ended: what was asked on it is not answered any more, and nobody asks beside it. */
  forgetAsked(): void {
    this.#askedNs.clear();
    this.#guard.rest();
  }

  /** Over at once (the clock stood still in a suspend), whatever was asked before: the one case in which the end moves back. */
  revoke(now: number): void {
    this.#guard.void();
    this.#endNs = Math.min(this.#endNs, now);
    this.#void = this.#asked;
  }
}
