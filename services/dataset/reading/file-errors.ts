/** What is wrong with a file as a whole, said of the field that names it. */
import { AssayError, messageOf } from "../../common/errors.ts";

/** @param path as the user knows it */
export function fileError(
  code: "invalid_argument" | "resource_exhausted" | "not_found" | "permission_denied",
  path: string,
  description: string,
  cause?: unknown,
): AssayError {
  return new AssayError(code, `${path}: ${description}`, {
    cause,
    metadata: { file: path },
    violations: [{ field: "dataset.file.path", description }],
  });
}

/** What the file system said. */
export function readError(path: string, error: unknown): AssayError {
  if (error instanceof AssayError) return error;
  const code = typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
  if (code === "ENOENT") return fileError("not_found", path, "there is no such file", error);
  if (code === "EACCES") return fileError("permission_denied", path, "may not be read", error);
  return fileError("invalid_argument", path, `cannot be read: ${messageOf(error)}`, error);
}
