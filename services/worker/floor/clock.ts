/** What the clocks and timers of this process are worth. */
import { setTimeout as delay } from "node:timers/promises";
import { monotonicNs } from "../../common/clock.ts";
import type { Floor, Spread } from "../../common/floor.ts";
import { spreadOf } from "../core/spread.ts";

const readings = 200_000;
const timerMs = 1;

/** Both at once: how long a reading takes, and the smallest step between two that differ. */
export function measureClock(): Pick<Floor["clock"], "resolutionNs" | "readingNs"> {
  let resolutionNs = Number.POSITIVE_INFINITY;
  const startNs = monotonicNs();
  let lastNs = startNs;
  for (let index = 0; index < readings; index++) {
    const ns = monotonicNs();
    if (ns > lastNs) resolutionNs = Math.min(resolutionNs, ns - lastNs);
    lastNs = ns;
  }
  return { resolutionNs, readingNs: (lastNs - startNs) / readings };
}

/** How late timers of one millisecond are. */
export async function measureTimers(seconds: number, signal: AbortSignal): Promise<Spread> {
  const lateNs: number[] = [];
  const endNs = monotonicNs() + seconds * 1e9;
  for (let nowNs = monotonicNs(); nowNs < endNs; ) {
    await delay(timerMs, undefined, { signal });
    const thenNs = monotonicNs();
    lateNs.push(thenNs - nowNs - timerMs * 1e6);
    nowNs = thenNs;
  }
  return spreadOf(Float64Array.from(lateNs));
}

/** Call it again later: how fast wall time has run against the monotonic clock since, in parts per million. */
export function watchWallClock(): () => number {
  const start = bothClocks();
  return () => {
    const now = bothClocks();
    const elapsedNs = now.monotonicNs - start.monotonicNs;
    return ((now.wallNs - start.wallNs - elapsedNs) / elapsedNs) * 1e6;
  };
}

/** Wall time has whole milliseconds: read at the moment when one begins. */
function bothClocks(): { readonly wallNs: number; readonly monotonicNs: number } {
  const beganMs = Date.now();
  for (;;) {
    const wallMs = Date.now();
    if (wallMs !== beganMs) return { wallNs: wallMs * 1e6, monotonicNs: monotonicNs() };
  }
}
