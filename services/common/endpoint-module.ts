/** A user's own endpoints, out of the file of `--endpoint-module`. */
import { pathToFileURL } from "node:url";
import type { EndpointCatalog } from "../../endpoints/catalog.ts";
import { withOwnEndpoints } from "../../endpoints/own-endpoints.ts";
import { AssayError, messageOf } from "./errors.ts";
import { importFile } from "./import-file.ts";

const importTimeoutMs = 10_000;

/**
 * The built-in endpoints and those of the file; its code is run.
 * @param path absolute
 * @throws `invalid_argument` in one line that names the file: it cannot be loaded, does not end to load, or exports nothing usable
 */
export async function loadEndpointModule(path: string): Promise<EndpointCatalog> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`not loaded within ${importTimeoutMs / 1000} s`)), importTimeoutMs);
  try {
    return withOwnEndpoints(await Promise.race([importFile(pathToFileURL(path).href), late]));
  } catch (error) {
    const [reason = ""] = messageOf(error).split("\n");
    const what = error instanceof AssayError ? reason : `cannot be loaded: ${reason}`;
    throw new AssayError("invalid_argument", `--endpoint-module ${path}: ${what}`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}
