/** How late requests leave that are due at fixed moments: by the timer, the alarm, the sender and the transport of a run. */
import { monotonicNs } from "../../common/clock.ts";
import type { Spread } from "../../common/floor.ts";
import { silentLogger } from "../../common/logger.ts";
import { WakeTimer } from "../../common/wake-timer.ts";
import { within } from "../../common/within.ts";
import { spreadOf } from "../core/spread.ts";
import { startPrecisePacing, startTimerPacing } from "../pacing-alarms.ts";
import { FloorPath } from "./path.ts";

export interface PacingOptions {
  readonly url: string;
  readonly isPrecise: boolean;
  readonly ratePerSec: number;
  readonly seconds: number;
  readonly signal: AbortSignal;
}

const leadMs = 50;
const outputTokens = 1;
const connections = 16;

/** The first tenth is not counted. Rejects when a request fails, or the signal aborts. */
export async function measurePacing({ url, isPrecise, ratePerSec, seconds, signal }: PacingOptions): Promise<Spread> {
  const count = Math.round(ratePerSec * seconds);
  const lateNs = new Float64Array(count);
  const { promise: over, resolve } = Promise.withResolvers<void>();
  let recorded = 0;
  let sent = 0;
  const path = await FloorPath.create({
    url,
    isStreaming: false,
    outputTokens,
    onRecord: ({ sentNs, dueNs }) => {
      lateNs[recorded++] = sentNs - dueNs;
    },
    onEnded: () => {
      if (sent === count && path.inFlight === 0) resolve();
    },
  });
  const dueNs = (index: number): number => startNs + (index * 1e9) / ratePerSec;
  const wake = (): void => {
    const nowNs = monotonicNs();
    while (sent < count && dueNs(sent) <= nowNs) path.send(dueNs(sent++));
    arm();
  };
  const arm = (): void => {
    if (sent === count) return;
    timer.at(dueNs(sent));
    alarm.at(dueNs(sent));
  };
  const timer = new WakeTimer(wake);
  const alarm = isPrecise ? startPrecisePacing(wake, silentLogger) : startTimerPacing(wake);
  let startNs = 0;
  try {
    await Promise.all([alarm.ready, path.open(connections, signal)]);
    startNs = monotonicNs() + leadMs * 1e6;
    arm();
    await within(signal, over, "requests that are paced");
    if (path.failure !== undefined) throw path.failure;
    return spreadOf(lateNs.slice(Math.ceil(recorded / 10), recorded));
  } finally {
    timer.close();
    alarm.close();
    await path.close();
  }
}
