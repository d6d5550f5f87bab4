/** Which files of this host a spec may name: those below one folder, wherever links lead. */
import { realpath } from "node:fs/promises";
import { isAbsolute, relative, resolve, sep } from "node:path";
import { AssayError, type ErrorCode, messageOf } from "../common/errors.ts";

/**
 * The real path of a file or folder. What is not below `root` is refused before it is looked at, so that nothing can be learned of it.
 *
 * @param root absolute; undefined: nothing may be read
 * @param field of the spec that named the path, for errors
 * @throws `permission_denied`, `not_found`, `invalid_argument`; each names the field
 */
export async function readablePath(path: string, root: string | undefined, field: string): Promise<string> {
  const refuse = (code: ErrorCode, description: string, cause?: unknown): AssayError =>
    new AssayError(code, `${field}: ${path}: ${description}`, { cause, violations: [{ field, description }] });
  if (root === undefined) {
    throw refuse("permission_denied", "this suite reads no files that clients name (assay serve --dataset-root allows a folder)");
  }
  const outside = `is not below ${root}, the folder that this suite may read from`;
  if (!isBelow(resolve(path), root)) throw refuse("permission_denied", outside);
  const [found, realRoot] = await Promise.all([realpath(path), realpath(root)]).catch((error: unknown) => {
    if (isMissing(error)) throw refuse("not_found", "there is no such file", error);
    throw refuse("invalid_argument", `cannot be read: ${messageOf(error)}`, error);
  });
  if (!isBelow(found, realRoot)) throw refuse("permission_denied", outside);
  return found;
}

/** Whether a path is that of a folder or of something below it; both absolute. */
export function isBelow(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way === "" || (way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way));
}

function isMissing(error: unknown): boolean {
  return typeof error === "object" && error !== null && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR");
}
