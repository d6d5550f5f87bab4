/**
 * The worker's right to have requests in flight. It counts from the worker's own clock reading before it asked, so an answer that
 * lay in a buffer extends nothing; the end never moves back.
 */
export class WorkerLease {
  #endNs = Number.NEGATIVE_INFINITY;
  #lengthNs = 0;
  #asked = 0;
  #void = 0;
  // Renewals asked for and not answered: number → clock reading before it was sent.
  readonly #askedNs = new Map<number, number>();

  /** When it is over; −Infinity before the first answer. */
  get endNs(): number {
    return this.#endNs;
  }

  /** Clock reading of the oldest renewal without an answer; Infinity when there is none. */
  get unansweredSinceNs(): number {
    for (const askedNs of this.#askedNs.values()) return askedNs;
    return Number.POSITIVE_INFINITY;
  }

  isValid(now: number): boolean {
    return now < this.#endNs;
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

  /** How long a lease is, as timing said in its welcome. */
  setLength(lengthNs: number): void {
    this.#lengthNs = lengthNs;
  }

  /** The stream ended: what was asked on it is not answered any more. */
  forgetAsked(): void {
    this.#askedNs.clear();
  }

  /** Over at once (the clock stood still in a suspend), whatever was asked before: the one case in which the end moves back. */
  revoke(now: number): void {
    this.#endNs = Math.min(this.#endNs, now);
    this.#void = this.#asked;
  }
}
