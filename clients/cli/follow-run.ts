/** Following a run over a stream that is dialled again when it breaks. */
import { type Run, RunState } from "../../gen/assay/controller/v1/controller_pb.js";
import type { AdjustPhase, WatchRunResponse } from "../../gen/assay/controller/v1/controller_service_pb.js";
import { AssayError, type ErrorCode } from "../../services/common/errors.ts";
import type { MessageStream } from "../../services/common/rpc/handler.ts";

/** A run now, and what happened since the message before; in the first message of a stream, what happened so far. */
export type WatchedRun = Pick<WatchRunResponse, "run" | "events">;

export interface WatchOptions {
  readonly signal: AbortSignal;
  /** Longest pause between two messages, in ms. */
  readonly intervalMs: number;
  readonly onMessage: (message: WatchedRun) => void;
}

export interface DriveOptions extends WatchOptions {
  /** For the run's timeline. */
  readonly requestedBy: string;
  /** Something that was asked for was not done. */
  readonly onRefusal: (why: string) => void;
}

/** A run that is watched and steered over one stream. */
export interface DrivenRun {
  /** As `toItsEnd`. */
  readonly ended: Promise<Run>;
  /** Asks for a change of the load, or for the end of the run. False: there is no stream at the moment, and nothing is asked for. */
  adjust(change: Omit<AdjustPhase, "$typeName">): boolean;
  cancel(reason: string): boolean;
}

/** How long a suite may be silent, and how soon it is dialled again, doubling. */
const maxSilenceMs = 15_000;
const firstRedialMs = 100;
const lastRedialMs = 1000;

/** What dialling again does not mend. */
const finalCodes: ReadonlySet<ErrorCode> = new Set([
  "invalid_argument",
  "not_found",
  "permission_denied",
  "unauthenticated",
  "failed_precondition",
  "unimplemented",
]);

/**
 * The run in its last state, every message on the way told to `onMessage`, every event once. A broken stream is opened again, for 15 s without
 * a message at most; then, and on errors that dialling does not mend, it throws the last error. Throws `cancelled` on abort.
 */
export async function toItsEnd(open: () => AsyncIterable<WatchedRun>, { signal, onMessage }: WatchOptions): Promise<Run> {
  let last: Run | undefined;
  let silentSinceMs = performance.now();
  let pauseMs = firstRedialMs;
  let toldEvents = 0;
  for (;;) {
    let failure: AssayError;
    let heardEvents = 0;
    try {
      for await (const { run, events } of open()) {
        silentSinceMs = performance.now();
        pauseMs = firstRedialMs;
        onMessage({ run, events: events.slice(Math.max(0, toldEvents - heardEvents)) });
        heardEvents += events.length;
        toldEvents = Math.max(toldEvents, heardEvents);
        last = run ?? last;
        // In its last state its members may still be writing its end into its file.
        if (last !== undefined && isEnded(last) && last.endTime !== undefined) return last;
      }
      failure = new AssayError("unavailable", "the controller ended the stream before the run had ended");
    } catch (error) {
      // What a client throws is an AssayError; anything else is a mistake in `onMessage`.
      if (!(error instanceof AssayError)) throw error;
      failure = error;
    }
    // Whoever broke the stream then has nothing more to tell.
    if (last !== undefined && isEnded(last) && !signal.aborted) return last;
    const isOver = signal.aborted || finalCodes.has(failure.code) || performance.now() - silentSinceMs > maxSilenceMs;
    if (isOver) throw failure;
    await pause(pauseMs, signal);
    pauseMs = Math.min(lastRedialMs, 2 * pauseMs);
  }
}

/** As they come; throws what broke the stream. Leaving the loop cancels it. */
export async function* messagesOf<In, Out>(stream: MessageStream<In, Out>): AsyncGenerator<In> {
  const waiting: In[] = [];
  let over: { readonly error: AssayError | undefined } | undefined;
  let news = Promise.withResolvers<void>();
  stream.onMessage((message) => {
    waiting.push(message);
    news.resolve();
  });
  stream.onClose((error) => {
    over = { error };
    news.resolve();
  });
  try {
    for (;;) {
      yield* waiting.splice(0);
      if (waiting.length === 0 && over !== undefined) break;
      await news.promise;
      news = Promise.withResolvers();
    }
  } finally {
    stream.cancel();
  }
  if (over.error !== undefined) throw over.error;
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
