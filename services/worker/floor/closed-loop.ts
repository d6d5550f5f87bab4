/** Requests at once, each followed by the next, for a while. */
import { setTimeout as delay } from "node:timers/promises";
import { monotonicNs } from "../../common/clock.ts";
import type { RawRecord } from "../../common/raw-record.ts";
import { within } from "../../common/within.ts";
import { FloorPath } from "./path.ts";

export interface ClosedLoopOptions {
  readonly url: string;
  readonly isStreaming: boolean;
  readonly outputTokens: number;
  readonly concurrency: number;
  /** Not counted. */
  readonly warmUpSec: number;
  readonly seconds: number;
  readonly signal: AbortSignal;
  /** Every answer of the part that counts. Valid during the call only. */
  readonly onRecord?: (record: RawRecord) => void;
}

/** Answers a second. Rejects when a request fails, or the signal aborts. */
export async function closedLoop(options: ClosedLoopOptions): Promise<number> {
  const { url, isStreaming, outputTokens, concurrency, warmUpSec, seconds, signal, onRecord = () => {} } = options;
  const { promise: over, resolve } = Promise.withResolvers<void>();
  let answers = 0;
  let isCounted = false;
  let isEnding = false;
  const path = await FloorPath.create({
    url,
    isStreaming,
    outputTokens,
    onRecord: (record) => {
      if (!isCounted) return;
      answers++;
      onRecord(record);
    },
    onEnded: () => {
      if (!isEnding && path.failure === undefined) path.send();
      else if (path.inFlight === 0) resolve();
    },
  });
  try {
    await path.open(concurrency, signal);
    for (let index = 0; index < concurrency; index++) path.send();
    await delay(warmUpSec * 1000, undefined, { signal });
    const startNs = monotonicNs();
    isCounted = true;
    await delay(seconds * 1000, undefined, { signal });
    const rate = answers / ((monotonicNs() - startNs) / 1e9);
    isEnding = true;
    await within(signal, over, "the last answers");
    if (path.failure !== undefined) throw path.failure;
    return rate;
  } finally {
    isEnding = true;
    await path.close();
  }
}
