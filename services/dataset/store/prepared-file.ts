/**
 * A dataset as one file, made so that opening it is reading its end: the pages that its turns lie in, one after the other; then the
 * tail, all else that is known of the dataset, a structured clone of `LoadedFile` with a table of the pages; then the footer, where
 * the tail begins, how long it is and its SHA-256, and a mark. Of each page a checksum is in the table. Everything here may block.
 */
import { createHash } from "node:crypto";
import { closeSync, fstatSync, fsyncSync, openSync, readSync, writeSync } from "node:fs";
import { deserialize, serialize } from "node:v8";
import { crc32 } from "node:zlib";
import { AssayError, messageOf } from "../../common/errors.ts";
import type { LoadedFile } from "../core/file-load.ts";
import { type ArenaSink, type Arenas, memorySink } from "../core/packed-rows.ts";
import { PageCache } from "../core/page-cache.ts";

/** Part of the key of every prepared dataset: raised where what is written changes. */
export const preparedFormat = 4;

const mark = "ASSAYDS1";
const footerBytes = 56;
const pageBytes = 64 * 1024;
const cachedBytes = 32 << 20;

interface Tail {
  /** Without its pages. */
  readonly file: Omit<LoadedFile, "turns"> & { readonly turns: Omit<LoadedFile["turns"], "arenas"> };
  /** Where each page ends; the first begins at 0. */
  readonly ends: Float64Array;
  readonly checksums: Uint32Array;
}

/** Takes pages as they are filled. When the file cannot take another one, what it has is read back, and all stays in memory. */
export class PreparedFileWriter implements ArenaSink {
  readonly arenaBytes = pageBytes;
  readonly #descriptor: number;
  readonly #ends: number[] = [];
  readonly #checksums: number[] = [];
  #memory: ArenaSink | undefined;
  #problem: string | undefined;

  /** @param descriptor of an empty file, open to be read and written; whoever opened it closes it */
  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  /** Why the file was given up; undefined: it was not. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** In memory if the file was given up; otherwise there are none here. */
  get arenas(): Arenas {
    return this.#memory?.arenas ?? [];
  }

  add(arena: Uint8Array<ArrayBuffer>): void {
    if (this.#memory !== undefined) this.#memory.add(arena);
    else this.#write(arena);
  }

  /** Writes what was loaded into this sink, down to the disk. False: the file was given up, and `file` is in memory. */
  finish({ turns: { arenas, ...index }, ...rest }: LoadedFile): boolean {
    if (this.#memory !== undefined) return false;
    const { size } = index;
    const { arenaOf, startOf, endOf } = index;
    const trimmed = { arenaOf: arenaOf.slice(0, size), startOf: startOf.slice(0, size), endOf: endOf.slice(0, size) };
    const tail: Tail = {
      file: { ...rest, turns: { ...index, ...trimmed } },
      ends: Float64Array.from(this.#ends),
      checksums: Uint32Array.from(this.#checksums),
    };
    try {
      const bytes = serialize(tail);
      const start = this.#ends.at(-1) ?? 0;
      writeAt(this.#descriptor, bytes, start);
      writeAt(this.#descriptor, footerOf(start, bytes), start + bytes.length);
      fsyncSync(this.#descriptor);
      return true;
    } catch (error) {
      this.#giveUp(messageOf(error));
      return false;
    }
  }

  #write(arena: Uint8Array<ArrayBuffer>): void {
    const start = this.#ends.at(-1) ?? 0;
    try {
      writeAt(this.#descriptor, arena, start);
      this.#ends.push(start + arena.length);
      this.#checksums.push(crc32(arena));
    } catch (error) {
      this.#giveUp(messageOf(error)).add(arena);
    }
  }

  #giveUp(problem: string): ArenaSink {
    const memory = memorySink();
    let start = 0;
    for (const end of this.#ends) {
      memory.add(readAt(this.#descriptor, start, end - start));
      start = end;
    }
    this.#problem = problem;
    this.#memory = memory;
    return memory;
  }
}

/** A dataset whose turns are read from its file as they are asked for. */
export interface OpenedFile {
  readonly file: LoadedFile;
  /** Reads every page. Throws `data_loss` for one that is damaged. */
  verify(): void;
  /** Its turns cannot be read any more. */
  close(): void;
}

/** Throws `data_loss` where the file is not whole, or its end is damaged. */
export function openPreparedFile(path: string): OpenedFile {
  const descriptor = openSync(path, "r");
  let isOpen = true;
  const close = (): void => {
    if (isOpen) closeSync(descriptor);
    isOpen = false;
  };
  try {
    const { file, ends, checksums } = readTail(descriptor, path);
    const readPage = (index: number): Uint8Array | undefined => {
      const end = ends[index];
      if (end === undefined) return undefined;
      if (!isOpen) throw new AssayError("unavailable", "the dataset is not prepared any more");
      const start = ends[index - 1] ?? 0;
      const page = readAt(descriptor, start, end - start);
      if (page.length !== end - start || crc32(page) !== checksums[index]) throw damaged(path, `page ${index}`);
      return page;
    };
    const arenas = new PageCache(readPage, cachedBytes);
    const verify = (): void => ends.forEach((_, index) => void readPage(index));
    return { file: { ...file, turns: { ...file.turns, arenas } }, verify, close };
  } catch (error) {
    close();
    throw error;
  }
}

function footerOf(start: number, tail: Uint8Array): Buffer {
  const footer = Buffer.alloc(footerBytes);
  footer.writeBigUInt64LE(BigInt(start), 0);
  footer.writeBigUInt64LE(BigInt(tail.length), 8);
  createHash("sha256").update(tail).digest().copy(footer, 16);
  footer.write(mark, 48, "latin1");
  return footer;
}

function readTail(descriptor: number, path: string): Tail {
  const { size } = fstatSync(descriptor);
  const footer = Buffer.from(readAt(descriptor, Math.max(0, size - footerBytes), footerBytes));
  if (footer.length < footerBytes || footer.toString("latin1", 48) !== mark) throw damaged(path, "its end");
  const start = Number(footer.readBigUInt64LE(0));
  const length = Number(footer.readBigUInt64LE(8));
  if (start + length + footerBytes !== size) throw damaged(path, "its length");
  const bytes = readAt(descriptor, start, length);
  if (Buffer.compare(createHash("sha256").update(bytes).digest(), footer.subarray(16, 48)) !== 0) throw damaged(path, "its tail");
  // What has this digest was written above.
  return deserialize(bytes) as Tail;
}

function damaged(path: string, what: string): AssayError {
  return new AssayError("data_loss", `${path}: a prepared dataset that is damaged (${what})`, { metadata: { file: path } });
}

/** Fewer bytes at the end of the file. */
function readAt(descriptor: number, start: number, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let read = 0;
  while (read < length) {
    const more = readSync(descriptor, bytes, read, length - read, start + read);
    if (more === 0) break;
    read += more;
  }
  return bytes.subarray(0, read);
}

function writeAt(descriptor: number, bytes: Uint8Array, start: number): void {
  for (let written = 0; written < bytes.length; ) {
    written += writeSync(descriptor, bytes, written, bytes.length - written, start + written);
  }
}
