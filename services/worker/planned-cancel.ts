/** Gives one request up, so long after it was written. */
import { longestTimerMs } from "../common/asked-ms.ts";
import { type MonotonicNs, monotonicNs } from "../common/clock.ts";

export interface PlannedCancelOptions {
  /** 0: as soon as the request is written. */
  readonly delayNs: number;
  /** When the request was handed to its connection. */
  readonly sentNs: MonotonicNs;
  /** Every byte of the request has left. */
  isWritten(): boolean;
  cancel(): void;
}

/** A large body leaves in several writes; so often it is looked whether the last one has been taken. */
const writeCheckMs = 1;

export class PlannedCancel {
  private readonly options: PlannedCancelOptions;
  private immediate: NodeJS.Immediate | undefined;
  private timer: NodeJS.Timeout | undefined;

  /** To be made while the request is being written. */
  constructor(options: PlannedCancelOptions) {
    this.options = options;
    // The write is under way: what the socket can take at once, it has taken when this turn of the loop is over.
    this.immediate = setImmediate(() => this.check(options.sentNs));
  }

  /** The request is over. */
  close(): void {
    clearImmediate(this.immediate);
    clearTimeout(this.timer);
  }

  private check(writtenNs: MonotonicNs): void {
    const { delayNs, isWritten, cancel } = this.options;
    if (!isWritten()) {
      this.timer = setTimeout(() => this.check(monotonicNs()), writeCheckMs);
      return;
    }
    const leftNs = writtenNs + delayNs - monotonicNs();
    if (delayNs === 0 || leftNs <= 0) cancel();
    else this.timer = setTimeout(cancel, Math.min(Math.ceil(leftNs / 1e6), longestTimerMs));
  }
}
