/**
 * Cuts a burst of work into slices by time, between which the event loop comes round: in one piece thousands of sends, or of connections
 * that are opened, would outlast the worker's lease, and answers would lie unread. Smaller bursts are done at once.
 *
 * A socket that is opened calls connect() not at once but in the next tick, and there the time goes. So ticks count as the work that
 * left them.
 */
import { type MonotonicNs, monotonicNs } from "../common/clock.ts";

const sliceNs = 5e6;
/** More than any load by itself takes between two rounds of the loop. */
const usualAtOnceNs = 20e6;
/** So many are done before their ticks have shown what they cost. */
const mostUnsettled = 64;
/** So many that are done are forgotten at a time. */
const forgottenAtOnce = 4096;

type Schedule = (work: () => void) => void;

export interface BurstSlicesOptions {
  /** How long work may take that is done at once, before the loop has come round, in ns. 0: all is done in slices. Default: 20 ms. */
  readonly atOnceNs?: number;
  /** Calls after the loop has looked at its sockets and timers. Default: `setImmediate`. */
  readonly later?: Schedule;
  /** Calls after the ticks that have been asked for. Default: `process.nextTick`. */
  readonly afterTicks?: Schedule;
  readonly now?: () => MonotonicNs;
}

export class BurstSlices {
  private readonly atOnceNs: number;
  private readonly later: Schedule;
  private readonly afterTicks: Schedule;
  private readonly now: () => MonotonicNs;
  private readonly waiting: (() => void)[] = [];
  private next = 0;
  private isSlicing = false;
  private spentNs = 0;
  private unsettled = 0;

  constructor(options: BurstSlicesOptions = {}) {
    this.atOnceNs = options.atOnceNs ?? usualAtOnceNs;
    this.later = options.later ?? ((work) => void setImmediate(work));
    this.afterTicks = options.afterTicks ?? ((work) => process.nextTick(work));
    this.now = options.now ?? monotonicNs;
  }

  /** Has it done now or, where that would hold the loop, in its slice, after everything that waits already. It may not throw. */
  do(work: () => void): void {
    if (this.isSlicing || this.spentNs >= this.atOnceNs || this.unsettled >= mostUnsettled) {
      this.waiting.push(work);
      if (!this.isSlicing) this.sliceLater();
      return;
    }
    if (this.unsettled++ === 0) this.settleAfter(this.now());
    work();
  }

  /** Has everything done that waits: nobody will come back for it. */
  doAll(): void {
    while (this.next < this.waiting.length) this.waiting[this.next++]?.();
  }

  /** The loop has come round. To be called every few tens of milliseconds. */
  cameRound(): void {
    this.spentNs = 0;
  }

  private settleAfter(fromNs: MonotonicNs): void {
    const settle = (): void => {
      this.spentNs += this.now() - fromNs;
      this.unsettled = 0;
    };
    // Before the first tick of what is being done; those of all of it come before the second.
    this.afterTicks(() => this.afterTicks(settle));
  }

  private sliceLater(): void {
    this.isSlicing = true;
    this.later(() => this.doNext(this.now() + sliceNs));
  }

  private doNext(endNs: MonotonicNs): void {
    // All of it may have been done meanwhile.
    if (this.next < this.waiting.length) this.waiting[this.next++]?.();
    this.afterTicks(() => this.goOn(endNs));
  }

  private goOn(endNs: MonotonicNs): void {
    const isDone = this.next === this.waiting.length;
    if (isDone || this.next >= forgottenAtOnce) {
      this.waiting.splice(0, this.next);
      this.next = 0;
    }
    if (isDone) {
      this.isSlicing = false;
      this.spentNs = 0;
    } else if (this.now() < endNs) this.doNext(endNs);
    else this.sliceLater();
  }
}
