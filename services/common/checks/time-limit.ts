/** Work that must not take longer than it may, on the thread of whoever asks. */
import { createContext, Script } from "node:vm";
import { AssayError } from "../errors.ts";

const context = createContext({ work: (): unknown => undefined });
const script = new Script("work()");

/**
 * What `work` returns or throws; it is broken off, wherever it is, and `deadline_exceeded` is thrown, once it has taken `limitMs` of wall
 * time. What it was changing is then not to be used any more. Takes a tenth of a millisecond itself.
 */
export function withinTime<T>(limitMs: number, work: () => T): T {
  context.work = work;
  try {
    return script.runInContext(context, { timeout: limitMs }) as T;
  } catch (error) {
    if (!isTimeout(error)) throw error;
    throw new AssayError("deadline_exceeded", `took longer than ${limitMs} ms`, { cause: error });
  } finally {
    context.work = undefined;
  }
}

/** Of another realm, so that it is no `Error` here. */
function isTimeout(error: unknown): boolean {
  return typeof error === "object" && error !== null && "code" in error && error.code === "ERR_SCRIPT_EXECUTION_TIMEOUT";
}
