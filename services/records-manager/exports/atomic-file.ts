/** Files that are there whole or not at all: written beside their place, then renamed into it. */
import { closeSync, fsyncSync, openSync, readdirSync, renameSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { AssayError, type ErrorCode, messageOf } from "../../common/errors.ts";

/** Takes text, or bytes, which are the caller's again afterwards; nothing of it can be read back. */
export type Write = (piece: string | Uint8Array) => void;

/** Of the names of files that are not finished. */
const temporaryEnd = `.${process.pid}.tmp`;

/** Bytes gathered before they are written. */
const BUFFER_CHARS = 256 * 1024;

/**
 * Writes `path` as `fill` gives its pieces, in memory that does not grow with it. An older file there is replaced when all is
 * written; where anything fails it stays as it was, and AssayError names the path.
 */
export function writeAtomically(path: string, fill: (write: Write) => void): void {
  const file = new AtomicFile(path);
  try {
    fill((piece) => file.write(piece));
    file.commit();
  } catch (error) {
    file.discard();
    throw asWriteError(path, error);
  }
}

/** Removes from a folder what this process began and did not end, as a thread that was ended has it. Nobody may be writing there. Throws nothing. */
export function removeUnfinished(folder: string): void {
  try {
    for (const name of readdirSync(folder)) if (name.endsWith(temporaryEnd)) rmSync(join(folder, name), { force: true });
  } catch {
    // A temporary file that stays does no harm.
  }
}

/**
 * The same for pieces that come one by one. Whoever makes one ends it by `commit` or `discard`. Every method throws AssayError
 * naming the path where the file cannot be written.
 */
export class AtomicFile {
  readonly #path: string;
  readonly #temporary: string;
  #descriptor: number | undefined;
  #buffered: string[] = [];
  #bufferedChars = 0;
  #sizeBytes = 0;

  constructor(path: string) {
    this.#path = path;
    this.#temporary = `${path}${temporaryEnd}`;
    this.#try(() => {
      this.#descriptor = openSync(this.#temporary, "w", 0o644);
    });
  }

  /** Bytes written so far; what is gathered in memory is not yet among them. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  write(piece: string | Uint8Array): void {
    if (typeof piece !== "string") {
      this.#try(() => {
        this.#flush();
        this.#writeBytes(piece);
      });
      return;
    }
    this.#buffered.push(piece);
    this.#bufferedChars += piece.length;
    if (this.#bufferedChars >= BUFFER_CHARS) this.#try(() => this.#flush());
  }

  /** Puts the file in its place. */
  commit(): void {
    this.#try(() => {
      this.#flush();
      if (this.#descriptor !== undefined) fsyncSync(this.#descriptor);
      this.#close();
      renameSync(this.#temporary, this.#path);
    });
  }

  /** Leaves nothing of it. Throws nothing; without effect after `commit`. */
  discard(): void {
    try {
      this.#close();
      rmSync(this.#temporary, { force: true });
    } catch {
      // What went wrong before is what is told; a temporary file that stays does no harm.
    }
  }

  #flush(): void {
    const text = this.#buffered.join("");
    this.#buffered = [];
    this.#bufferedChars = 0;
    this.#writeBytes(Buffer.from(text, "utf8"));
  }

  #writeBytes(bytes: Uint8Array): void {
    for (let offset = 0; offset < bytes.length && this.#descriptor !== undefined; ) {
      offset += writeSync(this.#descriptor, bytes, offset);
    }
    this.#sizeBytes += bytes.length;
  }

  #close(): void {
    const descriptor = this.#descriptor;
    this.#descriptor = undefined;
    if (descriptor !== undefined) closeSync(descriptor);
  }

  #try(work: () => void): void {
    try {
      work();
    } catch (error) {
      throw asWriteError(this.#path, error);
    }
  }
}

function asWriteError(path: string, error: unknown): AssayError {
  if (error instanceof AssayError) return error;
  return new AssayError(codeOf(error), `cannot write "${path}": ${messageOf(error)}`, { cause: error, metadata: { path } });
}

function codeOf(error: unknown): ErrorCode {
  switch ((error as NodeJS.ErrnoException).code) {
    case "ENOSPC":
    case "EDQUOT":
    case "EFBIG":
      return "resource_exhausted";
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return "permission_denied";
    case "ENOENT":
    case "ENOTDIR":
      return "not_found";
    default:
      return "internal";
  }
}
