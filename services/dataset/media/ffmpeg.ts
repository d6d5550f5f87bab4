/** ffmpeg, where the host has it: encodes what its standard input brings. A child of the process that asks, and never longer than a deadline. */
import { spawn } from "node:child_process";
import { accessSync, constants, readFileSync, rmSync, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { AssayError, messageOf } from "../../common/errors.ts";

export interface Encoding {
  /** Path of ffmpeg. */
  readonly program: string;
  /** What stands between the program and its output. */
  readonly arguments: readonly string[];
  /** File of the result, which is removed again, for containers that are not written from beginning to end. Absent: the standard output. */
  readonly file?: string;
  /** Comes to its standard input, one piece after the other, made as they are taken. */
  readonly input: Iterable<Uint8Array>;
  /** Comes to its descriptor 3; absent: nothing does. */
  readonly audio?: Uint8Array;
  /** Bytes of the result at most. */
  readonly maxBytes: number;
  readonly deadlineMs: number;
}

/** Its path by a `PATH`; undefined: there is none. */
export function findFfmpeg(path: string | undefined = process.env.PATH): string | undefined {
  return (path ?? "")
    .split(delimiter)
    .filter((folder) => folder !== "")
    .map((folder) => join(folder, "ffmpeg"))
    .find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    // What cannot be looked at cannot be started.
    return false;
  }
}

/** Lines of what ffmpeg says that are repeated. */
const shownLines = 3;
const maxSaidChars = 8192;
/** How far a file may grow beyond what is too large, at which ffmpeg stops by itself. */
const spareBytes = 1 << 20;

/** Rejects with `failed_precondition` and what ffmpeg says where it fails, `resource_exhausted`, `deadline_exceeded`; the child has ended by then. */
export async function encode(encoding: Encoding): Promise<Buffer> {
  const { program, maxBytes, deadlineMs, audio, file } = encoding;
  const output = file === undefined ? ["pipe:1"] : ["-fs", `${maxBytes + spareBytes}`, file];
  const child = spawn(program, [...quietly, ...encoding.arguments, ...output], { stdio: ["pipe", "pipe", "pipe", "pipe"] });
  let problem: AssayError | undefined;
  const stop = (error: AssayError): void => {
    problem ??= error;
    child.kill("SIGKILL");
    // What it has started itself may hold its pipes.
    for (const pipe of child.stdio) pipe?.destroy();
  };
  const deadline = setTimeout(() => {
    stop(new AssayError("deadline_exceeded", `ffmpeg did not end within ${deadlineMs / 1000} s`));
  }, deadlineMs);
  const pieces: Buffer[] = [];
  let bytes = 0;
  child.stdout.on("data", (piece: Buffer) => {
    bytes += piece.length;
    if (bytes > maxBytes) stop(tooLarge(maxBytes));
    else pieces.push(piece);
  });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-maxSaidChars);
  });
  // A child that ends early breaks its pipes; why it ended is in its words and its exit code.
  for (const pipe of child.stdio) pipe?.on("error", () => {});
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on("close", resolve);
    child.on("error", (error) => reject(failure(`ffmpeg cannot be started: ${messageOf(error)}`)));
  });
  const track = child.stdio[3];
  if (track !== null && track !== undefined && "end" in track) track.end(audio);
  void feed(child.stdin, encoding.input);
  try {
    const code = await ended;
    if (problem !== undefined) throw problem;
    const made = file === undefined ? Buffer.concat(pieces, bytes) : contentOf(file);
    if (made.length > maxBytes) throw tooLarge(maxBytes);
    if (code === 0 && made.length > 0) return made;
    const words = said
      .trim()
      .split(/\s*\n\s*/)
      .slice(-shownLines)
      .join("; ");
    throw failure(`ffmpeg ended with exit code ${code}: ${words === "" ? "it said nothing" : words}`);
  } finally {
    clearTimeout(deadline);
    if (file !== undefined) rmSync(file, { force: true });
  }
}

/** Empty where ffmpeg has not begun it. */
function contentOf(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch {
    // Why it has not is in its words.
    return Buffer.alloc(0);
  }
}

function tooLarge(maxBytes: number): AssayError {
  return new AssayError("resource_exhausted", `what ffmpeg makes has more than ${maxBytes} bytes`);
}

const quietly = ["-hide_banner", "-nostdin", "-loglevel", "error", "-y"];

/** Goes no faster than the pipe takes it, and ends with it. */
async function feed(pipe: NodeJS.WritableStream & { readonly destroyed?: boolean }, input: Iterable<Uint8Array>): Promise<void> {
  for (const piece of input) {
    if (pipe.destroyed === true) return;
    if (!pipe.write(piece)) {
      await new Promise<void>((resolve) => {
        const go = (): void => {
          pipe.off("drain", go);
          pipe.off("close", go);
          resolve();
        };
        pipe.on("drain", go);
        pipe.on("close", go);
      });
    }
  }
  pipe.end();
}

function failure(message: string): AssayError {
  return new AssayError("failed_precondition", message);
}
