/** Files of images, audio and video that rows name: below the allowed folder, beside the dataset. Everything here may block. */
import { readFileSync, realpathSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { AssayError, messageOf } from "../../common/errors.ts";
import { fileUrl, type MediaUrl, type Medium, maxMediaChars, mediaHeadBytes } from "../core/formats/media.ts";
import { isBelow } from "../readable-path.ts";
import type { ByteBudget } from "./byte-budget.ts";

export interface MediaFilesOptions {
  /** Paths of rows are relative to this one; absolute. Undefined: there are no files beside the dataset. */
  readonly folder: string | undefined;
  /** Folder that everything must be below, links followed; absolute. */
  readonly root: string;
  /** Of all that is read for rows, each time that a row names it: it is kept as often. */
  readonly budget: ByteBudget;
}

/** Characters of files that are kept for rows that name them again. */
const keptChars = 64 << 20;
/** Base64 makes four characters of three bytes. */
const maxFileBytes = (maxMediaChars / 4) * 3 - 100;

export class MediaFiles {
  readonly #options: MediaFilesOptions;
  readonly #kept = new Map<string, MediaUrl>();
  readonly #looks = new Map<string, string>();
  #keptChars = 0;

  constructor(options: MediaFilesOptions) {
    this.#options = options;
  }

  /** What the file system said of each file that was asked for. */
  get looks(): ReadonlyMap<string, string> {
    return this.#looks;
  }

  /** Throws what the budget throws, and nothing else. */
  read(path: string, medium: Medium): MediaUrl {
    const { folder, root, budget } = this.#options;
    if (folder === undefined) return { problem: "expected a URL: an uploaded dataset has no files beside it" };
    const key = `${medium}:${path}`;
    const known = this.#kept.get(key);
    const made = known ?? this.#readAnew(resolve(folder, path), root, medium);
    const chars = "url" in made ? made.url.length : 0;
    budget.take(chars);
    if (known === undefined && this.#keptChars + chars <= keptChars) {
      this.#keptChars += chars;
      this.#kept.set(key, made);
    }
    return made;
  }

  #readAnew(path: string, root: string, medium: Medium): MediaUrl {
    if (!this.#looks.has(path)) this.#looks.set(path, looksOf(path, root));
    return readMedium(path, root, medium);
  }
}

/** As a root: whatever there is. */
export const anywhere = "/";

/** What tells whether a file has changed; empty where it cannot be had. */
export function looksOf(path: string, root: string): string {
  try {
    const real = realPathBelow(path, root);
    const { size, mtimeNs, ctimeNs, ino, dev } = statSync(real, { bigint: true });
    return [real, size, mtimeNs, ctimeNs, ino, dev].join("\n");
  } catch {
    return "";
  }
}

function readMedium(path: string, root: string, medium: Medium): MediaUrl {
  try {
    const real = realPathBelow(path, root);
    const { size } = statSync(real);
    if (size > maxFileBytes) return { problem: `has ${size} bytes, at most ${maxFileBytes} are sent` };
    const bytes = readFileSync(real);
    const head = bytes.toString("latin1", 0, mediaHeadBytes);
    return fileUrl({ head, base64: () => bytes.toString("base64"), bytes: () => bytes }, medium);
  } catch (error) {
    return { problem: problemOf(path, error) };
  }
}

/** The real path of a file. What is not below the root is refused before it is looked at. */
export function realPathBelow(path: string, root: string): string {
  const refusal = new AssayError("permission_denied", `is not below ${root}, the folder that this suite may read from`);
  if (!isBelow(path, root)) throw refusal;
  const real = realpathSync(path);
  if (!isBelow(real, realpathSync(root))) throw refusal;
  // Reading a pipe would wait for whoever writes into it.
  if (!statSync(real).isFile()) throw new AssayError("invalid_argument", "is no file");
  return real;
}

function problemOf(path: string, error: unknown): string {
  const code = typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
  if (code === "ENOENT" || code === "ENOTDIR") return `there is no such file (looked for ${path})`;
  return error instanceof AssayError ? error.message : `cannot be read: ${messageOf(error)}`;
}
