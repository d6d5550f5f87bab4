import type { LeaseTerms } from "../../common/credits.ts";

/**
 * Timing's lease for one worker incarnation: runs from the moment timing handles a renewal that it answers. Only when it is
 * over may the worker's slots be given away. Longer is always safe.
 */
export class TimingLease {
  readonly #lengthNs: number;
  #endNs: number;
  #seenOver = false;

  constructor(terms: LeaseTerms, now: number) {
    this.#lengthNs = terms.timingLeaseNs;
    this.#endNs = now + terms.timingLeaseNs;
  }

  get endNs(): number {
    return this.#endNs;
  }

  /** A renewal was handled, and is answered. */
  renewed(now: number): void {
    this.#endNs = Math.max(this.#endNs, now + this.#lengthNs);
    this.#seenOver = false;
  }

  /** Timing itself stood still for so long; a renewal may lie unread. */
  extend(stallNs: number): void {
    this.#endNs += stallNs;
  }

  /**
   * True when the lease was over at the previous look too and no renewal was handled in between: one look for the clock, one
   * after everything that the sockets held has been read.
   */
  isOverAfterReading(now: number): boolean {
    if (now < this.#endNs) {
      this.#seenOver = false;
      return false;
    }
    const wasSeen = this.#seenOver;
    this.#seenOver = true;
    return wasSeen;
  }
}
