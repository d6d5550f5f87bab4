/** A caller's token in a file, which is read again when it is replaced. */
import { readFileSync } from "node:fs";
import { AssayError, messageOf } from "../errors.ts";
import { type WatchedFiles, type Watching, watchFiles } from "../watched-files.ts";

export type WatchedToken = WatchedFiles<string>;

/** Throws `invalid_argument`, naming the file, for one that cannot be read or is not one word. */
export function watchToken(path: string, watching: Watching = {}): WatchedToken {
  return watchFiles({ what: "token", paths: [path], load: () => readToken(path), ...watching });
}

function readToken(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, "utf8").trim();
  } catch (error) {
    throw new AssayError("invalid_argument", `reading the token from ${path}: ${messageOf(error)}`, { cause: error });
  }
  if (text === "" || /\s/.test(text)) throw new AssayError("invalid_argument", `the token in ${path} must be one word`);
  return text;
}
