/** Waits that end: a promise, or a deadline that says who was waited for; the end of a signal. */
import { AssayError } from "./errors.ts";

/** The promise's outcome; rejects with `deadline_exceeded` naming `who` when the signal aborts first. */
export async function within<T>(signal: AbortSignal, promise: Promise<T>, who: string): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(new AssayError("deadline_exceeded", `${who} did not answer in time`));
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, late]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** Resolves when the signal aborts; at once where it has. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => resolve(), { once: true });
  return promise;
}
