/** A dataset on standard input (`--input-file -`): kept in a file while it is read, since whoever reads it is another process. */
import { createWriteStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { AssayError, messageOf } from "../../../services/common/errors.ts";

/** How a path says that standard input is meant. */
export const standardInput = "-";
/** What messages call it. */
const shownName = "standard input";
const defaultMaxBytes = 2 ** 31;

export interface InputFile {
  /** Absolute. */
  readonly path: string;
  /** To be called once the dataset has been read, or nobody wants it any more. */
  remove(): Promise<void>;
}

export interface SpoolOptions {
  readonly input: Readable & { readonly isTTY?: boolean };
  /** Default: as the dataset service takes at most, unless it was told otherwise. */
  readonly maxBytes?: number | undefined;
  /** Ends the reading, and nothing is left behind. */
  readonly signal: AbortSignal;
}

/** All that comes, in a file that only this user may read. Throws `invalid_argument`, `resource_exhausted`, `cancelled`. */
export async function spoolInput({ input, maxBytes = defaultMaxBytes, signal }: SpoolOptions): Promise<InputFile> {
  if (input.isTTY) throw new AssayError("invalid_argument", `${shownName} is a terminal: expected a file or a pipe`);
  const folder = await mkdtemp(join(tmpdir(), "assay-input-"));
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  const path = join(folder, "input");
  try {
    await pipeline(input, limited(maxBytes), createWriteStream(path, { mode: 0o600 }), { signal });
    return { path, remove };
  } catch (error) {
    await remove();
    if (error instanceof AssayError) throw error;
    if (signal.aborted) throw new AssayError("cancelled", `${shownName} was not read to its end`, { cause: error });
    throw new AssayError("invalid_argument", `${shownName} cannot be kept in ${tmpdir()}: ${messageOf(error)}`, { cause: error });
  }
}

function limited(maxBytes: number): Transform {
  let bytes = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (bytes <= maxBytes) return done(null, chunk);
      done(new AssayError("resource_exhausted", `${shownName} has more than ${maxBytes} bytes (--max-dataset-bytes)`));
    },
  });
}

/** Whether a RunSpec in proto JSON takes its dataset from standard input. */
export function readsInput({ dataset }: JsonObject): boolean {
  return isObject(dataset) && isObject(dataset.file) && dataset.file.path === standardInput;
}

/** The same spec with a file in the place of standard input, whose rows name files relative to `cwd`; unchanged where that is not meant. */
export function withInputFile(spec: JsonObject, file: InputFile | undefined, cwd: string): JsonObject {
  const { dataset } = spec;
  if (file === undefined || !readsInput(spec) || !isObject(dataset) || !isObject(dataset.file)) return spec;
  return { ...spec, dataset: { ...dataset, file: { media_folder: cwd, ...dataset.file, path: file.path, name: shownName } } };
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
