/**
 * A dataset that can be read once alone: standard input (`--input-file -`), a pipe, what a shell makes of `<(zcat prompts.gz)`. It is kept in a
 * file while it is read, since whoever reads it is another process.
 */
import { closeSync, constants, createReadStream, createWriteStream, fstatSync, openSync } from "node:fs";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { isatty } from "node:tty";
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { AssayError, messageOf } from "../../../services/common/errors.ts";

/** How a path says that standard input is meant. */
export const standardInput = "-";
const defaultMaxBytes = 2 ** 31;
/** What this process has open. The file behind such a path is not looked for anew: what has come of a pipe may be over by then. */
const descriptorPath = /^\/(?:dev|proc\/self|proc\/\d+)\/fd\/(\d+)$/;

export interface PipedInput {
  /** As the spec names it. */
  readonly path: string;
  /** What messages and results call it. */
  readonly name: string;
  /** Throws what is wrong with it. Called once. */
  open(): Readable;
}

export interface InputFile {
  /** Absolute. */
  readonly path: string;
  /** Whose place it takes. */
  readonly input: Pick<PipedInput, "path" | "name">;
  /** To be called once the dataset has been read, or nobody wants it any more. */
  remove(): Promise<void>;
}

export interface SpoolOptions {
  /** Default: as the dataset service takes at most, unless it was told otherwise. */
  readonly maxBytes?: number | undefined;
  /** Ends the reading, and nothing is left behind. */
  readonly signal: AbortSignal;
}

type StandardInput = Readable & { readonly isTTY?: boolean };

/** What a RunSpec in proto JSON, its path absolute, takes its dataset from; undefined: from no such thing. */
export async function pipedInput({ dataset }: JsonObject, stdin: StandardInput): Promise<PipedInput | undefined> {
  const path = isObject(dataset) && isObject(dataset.file) ? dataset.file.path : undefined;
  if (typeof path !== "string") return undefined;
  if (path === standardInput || path === "/dev/stdin") return { path, name: "standard input", open: () => opened(stdin) };
  const [, number] = descriptorPath.exec(path) ?? [];
  if (number !== undefined) return { path, name: path, open: () => openDescriptor(Number(number), stdin) };
  return (await isPipe(path)) ? { path, name: path, open: () => openPipe(path) } : undefined;
}

/** Whether a path is a pipe's; one that cannot be looked at is none. */
async function isPipe(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFIFO(),
    () => false,
  );
}

/** All that comes, in a file that only this user may read. Throws `invalid_argument`, `resource_exhausted`, `cancelled`. */
export async function spoolInput(input: PipedInput, { maxBytes = defaultMaxBytes, signal }: SpoolOptions): Promise<InputFile> {
  const { name } = input;
  const source = openOf(input);
  const folder = await mkdtemp(join(tmpdir(), "assay-input-"));
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  const path = join(folder, "input");
  try {
    await pipeline(source, limited(name, maxBytes), createWriteStream(path, { mode: 0o600 }), { signal });
    return { path, input, remove };
  } catch (error) {
    await remove();
    if (error instanceof AssayError) throw error;
    if (signal.aborted) throw new AssayError("cancelled", `${name} was not read to its end`, { cause: error });
    throw new AssayError("invalid_argument", `${name} cannot be kept in ${tmpdir()}: ${messageOf(error)}`, { cause: error });
  }
}

function openOf({ name, open }: PipedInput): Readable {
  try {
    return open();
  } catch (error) {
    if (error instanceof AssayError) throw error;
    throw new AssayError("invalid_argument", `${name} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

function opened(stdin: StandardInput): Readable {
  if (stdin.isTTY) throw terminalError("standard input");
  return stdin;
}

function openDescriptor(descriptor: number, stdin: StandardInput): Readable {
  if (descriptor === 0) return opened(stdin);
  if (isatty(descriptor)) throw terminalError(`/dev/fd/${descriptor}`);
  return fstatSync(descriptor).isFile() ? createReadStream("", { fd: descriptor }) : pipeOf(descriptor);
}

/** Opening a pipe waits for whoever writes into it, in a thread that nothing can end: so it is opened at once, and what is waited for are its bytes. */
function openPipe(path: string): Readable {
  return pipeOf(openSync(path, constants.O_RDONLY | constants.O_NONBLOCK));
}

function pipeOf(descriptor: number): Readable {
  try {
    return new Socket({ fd: descriptor, readable: true, writable: false });
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

function terminalError(name: string): AssayError {
  return new AssayError("invalid_argument", `${name} is a terminal: expected a file or a pipe`);
}

function limited(name: string, maxBytes: number): Transform {
  let bytes = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (bytes <= maxBytes) return done(null, chunk);
      done(new AssayError("resource_exhausted", `${name} has more than ${maxBytes} bytes (--max-dataset-bytes)`));
    },
  });
}

/** The same spec with the file in the place of what it was read from, whose rows name files relative to `cwd`; unchanged where that is not meant. */
export function withInputFile(spec: JsonObject, file: InputFile | undefined, cwd: string): JsonObject {
  const { dataset } = spec;
  if (file === undefined || !isObject(dataset) || !isObject(dataset.file) || dataset.file.path !== file.input.path) return spec;
  const { name } = file.input;
  return { ...spec, dataset: { ...dataset, file: { media_folder: cwd, ...dataset.file, path: file.path, name } } };
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
