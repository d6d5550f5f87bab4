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
  /** How long the suite may be silent before it is given up. Default: `usualSilenceMs`. */
  readonly silenceMs?: number | undefined;
  /** The stream broke, and is opened again from now on. Called once until the suite is heard again. */
  readonly onBroken?: ((error: AssayError) => void) | undefined;
}

/** For so long a suite that does not answer is dialled again. */
export const usualSilenceMs = 60_000;

/** `AssayError.reason` of a suite that was silent for too long. What goes on there goes on. */
export const suiteSilent = "SUITE_SILENT";

/** How soon a suite is dialled again, doubling. */
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
 * Every message of a run until its last state, and every event once. A broken stream is opened again, for `silenceMs` without a message at
 * most; then the last error is thrown with the reason `suiteSilent`, and on errors that dialling does not mend as it is. Throws `cancelled` on
 * abort. Leaving the loop ends the stream.
 */
export async function* followed<M extends WatchedRun>(
  open: () => AsyncIterable<M>,
  { signal, isReopened = true, silenceMs = usualSilenceMs, onBroken }: FollowOptions,
): AsyncGenerator<M, void, undefined> {
  let last: Run | undefined;
  let silentSinceMs = performance.now();
  let pauseMs = firstRedialMs;
  let toldEvents = 0;
  let isBroken = false;
  for (;;) {
    let failure: AssayError;
    let heardEvents = 0;
    try {
      for await (const message of open()) {
        silentSinceMs = performance.now();
        pauseMs = firstRedialMs;
        isBroken = false;
        last = message.run ?? last;
        const { events } = message;
        const told = events.slice(Math.max(0, toldEvents - heardEvents));
        heardEvents += events.length;
        toldEvents = Math.max(toldEvents, heardEvents);
        yield { ...message, events: told };
        if (last !== undefined && isEnded(last)) return;
      }
      failure = new AssayError("unavailable", "the controller ended the stream before the run had ended");
    } catch (error) {
      if (!(error instanceof AssayError)) throw error;
      failure = error;
    }
    // Whoever broke the stream then has nothing more to tell.
    if (last !== undefined && isEnded(last) && !signal.aborted) return;
    if (!isReopened || signal.aborted || finalCodes.has(failure.code)) throw failure;
    const silentMs = performance.now() - silentSinceMs;
    if (silentMs > silenceMs) throw silentFor(silentMs, failure);
    if (!isBroken) onBroken?.(failure);
    isBroken = true;
    await pause(pauseMs, signal);
    pauseMs = Math.min(lastRedialMs, 2 * pauseMs);
  }
}

export function isEnded({ state }: Run): boolean {
  return state === RunState.COMPLETED || state === RunState.FAILED || state === RunState.CANCELLED;
}

function silentFor(ms: number, cause: AssayError): AssayError {
  const message = `the suite has not answered for ${Math.round(ms / 1000)} s: ${cause.message}`;
  return new AssayError(cause.code, message, { cause, reason: suiteSilent });
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
