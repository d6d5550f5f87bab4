/**
 * The one timer of a core that says when it wants to be called. A timer that is armed is never put off, only brought forward: a
 * core that is told of something every few hundred microseconds would otherwise never be woken. Waking too early is harmless.
 */

import { longestTimerMs } from "./asked-ms.ts";
import { type MonotonicNs, monotonicNs } from "./clock.ts";

export class WakeTimer {
  private readonly wake: () => void;
  private timer: NodeJS.Timeout | undefined;
  private armedNs = Number.POSITIVE_INFINITY;
  private isClosed = false;

  /** `wake` should end by calling `at` again. */
  constructor(wake: () => void) {
    this.wake = wake;
  }

  /** Wakes at this moment or before; past: at the next turn. Infinity: nothing to wake for. */
  at(ns: MonotonicNs): void {
    if (this.isClosed || ns >= this.armedNs) return;
    clearTimeout(this.timer);
    this.armedNs = ns;
    this.timer = setTimeout(
      () => {
        this.armedNs = Number.POSITIVE_INFINITY;
        this.wake();
      },
      Math.min(Math.max(0, (ns - monotonicNs()) / 1e6), longestTimerMs),
    );
  }

  close(): void {
    this.isClosed = true;
    clearTimeout(this.timer);
  }
}
