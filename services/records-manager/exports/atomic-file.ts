/** Files that are there whole or not at all: written beside their place, then renamed into it. */
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { AssayError, type ErrorCode, messageOf } from "../../common/errors.ts";

/** Takes text; nothing of it can be read back. */
export type WriteText = (text: string) => void;

/** Bytes gathered before they are written. */
const BUFFER_CHARS = 256 * 1024;

/**
 * Writes `path` as `write` gives the text, in memory that does not grow with it. An older file there is replaced when all is
 * written; where anything fails it stays as it was, and AssayError names the path.
 */
export function writeAtomically(path: string, write: (text: WriteText) => void): void {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    const file = openSync(temporary, "w", 0o644);
    try {
      writeBuffered(file, write);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    if (error instanceof AssayError) throw error;
    throw new AssayError(codeOf(error), `cannot write "${path}": ${messageOf(error)}`, { cause: error, metadata: { path } });
  }
}

function writeBuffered(file: number, write: (text: WriteText) => void): void {
  let buffered: string[] = [];
  let length = 0;
  const flush = () => {
    const bytes = Buffer.from(buffered.join(""), "utf8");
    for (let offset = 0; offset < bytes.length; ) offset += writeSync(file, bytes, offset);
    buffered = [];
    length = 0;
  };
  write((text) => {
    buffered.push(text);
    length += text.length;
    if (length >= BUFFER_CHARS) flush();
  });
  flush();
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
