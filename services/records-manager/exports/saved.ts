/** What is left of a run whose files could not all be written. */
import { AssayError, messageOf } from "../../common/errors.ts";

/** The error, with the paths of what is saved all the same. */
export function withSaved(error: unknown, paths: readonly string[]): AssayError {
  const known = error instanceof AssayError ? error : new AssayError("internal", messageOf(error), { cause: error });
  const { code, message, reason, metadata } = known;
  return new AssayError(code, `${message}; saved are ${paths.join(", ")}`, { cause: error, reason, metadata });
}
