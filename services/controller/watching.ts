/** A run as a client sees it get on. */
import { setTimeout as delay } from "node:timers/promises";
import { type Run, type RunEvent, RunState } from "../../gen/assay/controller/v1/controller_pb.js";
import { askedMs } from "../common/asked-ms.ts";
import type { RunExecution } from "./run.ts";
import type { Runs } from "./runs.ts";

const defaultIntervalMs = 1000;
const leastIntervalMs = 50;

export interface WatchedRun {
  readonly run: Run;
  /** Since the one before; in the first one all so far. */
  readonly events: RunEvent[];
}

export interface WatchingOptions {
  /** As the client asked for it; 0: 1000. */
  readonly intervalMs: number;
  readonly signal: AbortSignal;
  /** Resolves when there is another reason to tell how the run stands. Default: there is none. */
  readonly nudge?: () => Promise<void>;
}

/** The run now, then at every change and at least every interval; ends after its last state. */
export async function* watchRun(
  runs: Runs,
  execution: RunExecution,
  { intervalMs, signal, nudge }: WatchingOptions,
): AsyncGenerator<WatchedRun> {
  const everyMs = askedMs(intervalMs, defaultIntervalMs, leastIntervalMs);
  let seen = 0;
  while (!signal.aborted) {
    const events = execution.events.slice(seen);
    seen += events.length;
    // Read before the answer is sent: what changes meanwhile makes another message.
    const isOver = execution.run.state >= RunState.COMPLETED;
    const changes = [runs.change(), ...(nudge === undefined ? [] : [nudge()])];
    yield { run: execution.run, events };
    if (isOver) return;
    const tick = new AbortController();
    const ticked = delay(everyMs, undefined, { signal: AbortSignal.any([signal, tick.signal]) }).catch(() => {});
    await Promise.race([...changes, ticked]);
    tick.abort();
  }
}
