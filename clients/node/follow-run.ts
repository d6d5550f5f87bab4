/** Following a run over a stream that is opened again when it breaks. */
import type { Run } from "../../gen/assay/controller/v1/controller_pb.js";
import { RunState } from "../../gen/assay/controller/v1/controller_pb.js";
import type { WatchRunResponse } from "../../gen/assay/controller/v1/controller_service_pb.js";
import { AssayError, type ErrorCode } from "../../services/common/errors.ts";

/** A run now, and what happened since the message before; in the first message of a stream, what happened so far. */
export type WatchedRun = Pick<WatchRunResponse, "run" | "events">;

export interface FollowOptions {
  readonly signal: AbortSignal;
  /** A broken stream is opened again. Default: true. */
  readonly isReopened?: boolean;
}

/** How long a suite may be silent, and how soon it is dialled again, doubling. */
const maxSilenceMs = 15_000;
const firstRedialMs = 100;
const lastRedialMs = 1000;

/** What dialling again does not mend. */
const finalCodes: ReadonlySet<ErrorCode> = new Set([
  "invalid_argument",
  "not_found",
  "already_exists",
  "resource_exhausted",
  "permission_denied",
  "unauthenticated",
  "failed_precondition",
  "unimplemented",
]);

/**
 * Every message of a run until its last state, and every event once. A broken stream is opened again, for 15 s without a message at most;
 * then, and on errors that dialling does not mend, the last error is thrown. Throws `cancelled` on abort. Leaving the loop ends the stream.
 */
export async function* followed<M extends WatchedRun>(
  open: () => AsyncIterable<M>,
  { signal, isReopened = true }: FollowOptions,
): AsyncGenerator<M, void, undefined> {
  let last: Run | undefined;
  let silentSinceMs = performance.now();
  let pauseMs = firstRedialMs;
  let toldEvents = 0;
  for (;;) {
    let failure: AssayError;
    let heardEvents = 0;
    try {
      for await (const message of open()) {
        silentSinceMs = performance.now();
        pauseMs = firstRedialMs;
        last = message.run ?? last;
        const { events } = message;
        const told = events.slice(Math.max(0, toldEvents - heardEvents));
        heardEvents += events.length;
        toldEvents = Math.max(toldEvents, heardEvents);
        yield { ...message, events: told };
        // In its last state its members may still be writing its end into its file.
        if (last !== undefined && isEnded(last) && last.endTime !== undefined) return;
      }
      failure = new AssayError("unavailable", "the controller ended the stream before the run had ended");
    } catch (error) {
      if (!(error instanceof AssayError)) throw error;
      failure = error;
    }
    // Whoever broke the stream then has nothing more to tell.
    if (last !== undefined && isEnded(last) && !signal.aborted) return;
    const isOver =
      !isReopened || signal.aborted || finalCodes.has(failure.code) || performance.now() - silentSinceMs > maxSilenceMs;
    if (isOver) throw failure;
    await pause(pauseMs, signal);
    pauseMs = Math.min(lastRedialMs, 2 * pauseMs);
  }
}

export function isEnded({ state }: Run): boolean {
  return state === RunState.COMPLETED || state === RunState.FAILED || state === RunState.CANCELLED;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end, { once: true });
    if (signal.aborted) end();
  });
}
