/**
 * Cuts a burst of thousands of sends into slices, between which the event loop comes round: in one piece they would outlast the
 * worker's lease, and answers would lie unread. Smaller bursts go out at once.
 */

/** So many go out before the loop has come round; more than any load by itself brings in that time. */
const atOnce = 2048;
const sliceSize = 128;

export class BurstSlices {
  private readonly later: (work: () => void) => void;
  private readonly waiting: (() => void)[] = [];
  private next = 0;
  private done = 0;

  /** `later` calls after the loop has looked at its sockets and timers. Default: `setImmediate`. */
  constructor(later: (work: () => void) => void = (work) => void setImmediate(work)) {
    this.later = later;
  }

  /** Whether what is to be done now has to wait for its slice; if not it counts as done. */
  mustWait(): boolean {
    return this.next < this.waiting.length || ++this.done > atOnce;
  }

  /** Has it done in its slice, after everything that waits already. */
  postpone(work: () => void): void {
    this.waiting.push(work);
    if (this.waiting.length === this.next + 1) this.later(() => this.slice());
  }

  /** The loop has come round. To be called every few tens of milliseconds. */
  cameRound(): void {
    this.done = 0;
  }

  private slice(): void {
    const end = Math.min(this.next + sliceSize, this.waiting.length);
    while (this.next < end) this.waiting[this.next++]?.();
    if (this.next < this.waiting.length) {
      this.later(() => this.slice());
      return;
    }
    this.waiting.length = 0;
    this.next = 0;
    this.done = 0;
  }
}
