/**
 * Cuts a burst of work into slices by time, between which the event loop comes round: in one piece thousands of sends, or of connections
 * that are opened, would outlast the worker's lease, and answers would lie unread. Smaller bursts are done at once.
 */
import { type MonotonicNs, monotonicNs } from "../common/clock.ts";

const sliceNs = 5e6;
/** More than any load by itself takes between two rounds of the loop. */
const usualAtOnceNs = 20e6;
/** So many that are done are forgotten at a time. */
const forgottenAtOnce = 4096;

export interface BurstSlicesOptions {
  /** How long work may take that is done at once, before the loop has come round, in ns. 0: all is done in slices. Default: 20 ms. */
  readonly atOnceNs?: number;
  /** Calls after the loop has looked at its sockets and timers. Default: `setImmediate`. */
  readonly later?: (work: () => void) => void;
  readonly now?: () => MonotonicNs;
}

export class BurstSlices {
  private readonly atOnceNs: number;
  private readonly later: (work: () => void) => void;
  private readonly now: () => MonotonicNs;
  private readonly waiting: (() => void)[] = [];
  private next = 0;
  private spentNs = 0;

  constructor(options: BurstSlicesOptions = {}) {
    this.atOnceNs = options.atOnceNs ?? usualAtOnceNs;
    this.later = options.later ?? ((work) => void setImmediate(work));
    this.now = options.now ?? monotonicNs;
  }

  /** Has it done now or, where that would hold the loop, in its slice, after everything that waits already. It may not throw. */
  do(work: () => void): void {
    if (this.next < this.waiting.length || this.spentNs >= this.atOnceNs) {
      this.waiting.push(work);
      if (this.waiting.length === this.next + 1) this.later(() => this.slice());
      return;
    }
    const fromNs = this.now();
    work();
    this.spentNs += this.now() - fromNs;
  }

  /** The loop has come round. To be called every few tens of milliseconds. */
  cameRound(): void {
    this.spentNs = 0;
  }

  private slice(): void {
    const endNs = this.now() + sliceNs;
    do this.waiting[this.next++]?.();
    while (this.next < this.waiting.length && this.now() < endNs);
    if (this.next === this.waiting.length) {
      this.waiting.length = 0;
      this.next = 0;
      this.spentNs = 0;
      return;
    }
    if (this.next >= forgottenAtOnce) {
      this.waiting.splice(0, this.next);
      this.next = 0;
    }
    this.later(() => this.slice());
  }
}
