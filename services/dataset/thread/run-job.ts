/** Does a job in a thread of its own (about 60 ms to start), so that an event loop that answers heartbeats goes on. */
import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import { AssayError, type ErrorCode, type FieldViolation } from "../../common/errors.ts";
import type { OnProgress, PrepareProgress } from "../progress.ts";
import type { Job, JobResults } from "./jobs.ts";

export type ThreadMessage =
  | { readonly kind: "progress"; readonly progress: PrepareProgress }
  | { readonly kind: "done"; readonly result: JobResults[Job["kind"]] }
  | {
      readonly kind: "failed";
      readonly code: ErrorCode;
      readonly message: string;
      readonly reason: string;
      readonly metadata: Readonly<Record<string, string>>;
      readonly violations: readonly FieldViolation[];
    };

/**
 * Rejects with what the job throws; with `cancelled` or `deadline_exceeded` when the signal aborts, and the thread is then ended;
 * with `unavailable` when the thread dies.
 */
export function runJob<Kind extends Job["kind"]>(
  job: Extract<Job, { kind: Kind }>,
  signal: AbortSignal,
  onProgress: OnProgress,
): Promise<JobResults[Kind]> {
  const { promise, resolve, reject } = Promise.withResolvers<JobResults[Kind]>();
  if (signal.aborted) {
    reject(reasonOf(signal));
    return promise;
  }
  const thread = new Worker(new URL(`./dataset-thread${extname(import.meta.url)}`, import.meta.url), { workerData: job });
  const onAbort = (): void => reject(reasonOf(signal));
  signal.addEventListener("abort", onAbort, { once: true });
  thread.on("message", (message: ThreadMessage) => {
    if (message.kind === "progress") onProgress(message.progress);
    // The thread answers a job with the result of its kind.
    else if (message.kind === "done") resolve(message.result as JobResults[Kind]);
    else reject(new AssayError(message.code, message.message, message));
  });
  thread.on("error", (error) => {
    reject(new AssayError("unavailable", `the thread that prepares the dataset died: ${error.message}`, { cause: error }));
  });
  thread.on("exit", () => reject(new AssayError("unavailable", "the thread that prepares the dataset ended")));
  return promise.finally(() => {
    signal.removeEventListener("abort", onAbort);
    void thread.terminate();
  });
}

function reasonOf({ reason }: AbortSignal): AssayError {
  if (reason instanceof AssayError) return reason;
  const isLate = reason instanceof DOMException && reason.name === "TimeoutError";
  return new AssayError(isLate ? "deadline_exceeded" : "cancelled", "the dataset was not prepared", { cause: reason });
}
