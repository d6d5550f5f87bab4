import { type MonotonicNs, monotonicNs } from "./clock.ts";

const windowMs = 1000;

/**
 * Lets through at most `limit` things of each kind per second and counts the rest. Each second that dropped something ends with
 * one report for each such kind, and so does `close`.
 */
export class BurstLimit<Kind> {
  readonly #limit: number;
  readonly #report: (kind: Kind, dropped: number) => void;
  readonly #now: () => MonotonicNs;
  readonly #windows = new Map<Kind, { start: MonotonicNs; admitted: number; dropped: number }>();
  #timer: NodeJS.Timeout | undefined;

  /** @param now nanoseconds that only grow; default: this process's clock */
  constructor(limit: number, report: (kind: Kind, dropped: number) => void, now = monotonicNs) {
    this.#limit = limit;
    this.#report = report;
    this.#now = now;
  }

  /** Whether one more of this kind may pass now; false also counts it as dropped. */
  admit(kind: Kind): boolean {
    const now = this.#now();
    const window = this.#windows.get(kind);
    if (window === undefined) this.#windows.set(kind, { start: now, admitted: 1, dropped: 0 });
    else if (now - window.start >= windowMs * 1e6) Object.assign(window, { start: now, admitted: 1 });
    else if (window.admitted < this.#limit) window.admitted++;
    else {
      this.drop(kind);
      return false;
    }
    return true;
  }

  /** Counts one that was dropped for another reason. */
  drop(kind: Kind): void {
    const window = this.#windows.get(kind) ?? { start: this.#now(), admitted: 0, dropped: 0 };
    window.dropped++;
    this.#windows.set(kind, window);
    // Must not keep a process alive that has nothing else to do: `close` reports, too.
    this.#timer ??= setTimeout(() => this.close(), windowMs).unref();
  }

  /** Reports what was dropped since the last report. */
  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const [kind, window] of this.#windows) {
      const { dropped } = window;
      window.dropped = 0;
      if (dropped > 0) this.#report(kind, dropped);
    }
  }
}
