/** A file of a dataset, open: its bytes in order, uncompressed, or at any place. Everything here may block. */
import { closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import { type Compression, compressionOf, decompressed } from "./compression.ts";
import { fileError, readError } from "./file-errors.ts";

const pieceBytes = 1 << 20;
const magicBytes = 4;

export class OpenFile {
  /** As errors name it. */
  readonly path: string;
  /** As it is stored. */
  readonly sizeBytes: number;
  /** Undefined: none. */
  readonly compression: Compression | undefined;
  readonly #file: number;
  #readBytes = 0;

  /**
   * @param realPath where it is
   * @throws `invalid_argument` for what is no file, `not_found`, `permission_denied`
   */
  constructor(realPath: string, path: string) {
    this.path = path;
    try {
      // Opening a pipe would wait for whoever writes into it.
      if (!statSync(realPath).isFile()) throw fileError("invalid_argument", path, "is no file");
      this.#file = openSync(realPath, "r");
    } catch (error) {
      throw readError(path, error);
    }
    this.sizeBytes = fstatSync(this.#file).size;
    this.compression = compressionOf(this.bytesAt(0, magicBytes));
  }

  /** Stored bytes that were read so far, each time that they were. */
  get readBytes(): number {
    return this.#readBytes;
  }

  /** Its bytes in order, uncompressed; a piece is valid until the next is asked for. Throws what is wrong with them. */
  async *pieces(): AsyncGenerator<Uint8Array> {
    try {
      if (this.compression === undefined) yield* this.#stored();
      else yield* decompressed(this.compression, this);
    } catch (error) {
      throw readError(this.path, error);
    }
  }

  /** Stored bytes from a place on; fewer at the end of the file. */
  bytesAt(start: number, length: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(Math.max(0, Math.min(length, this.sizeBytes - start)));
    let read = 0;
    try {
      while (read < bytes.length) {
        const more = readSync(this.#file, bytes, read, bytes.length - read, start + read);
        if (more === 0) break;
        read += more;
      }
    } catch (error) {
      throw readError(this.path, error);
    }
    this.#readBytes += read;
    return bytes.subarray(0, read);
  }

  close(): void {
    closeSync(this.#file);
  }

  *#stored(): Generator<Uint8Array> {
    const piece = new Uint8Array(pieceBytes);
    let at = 0;
    for (let read = readSync(this.#file, piece, 0, pieceBytes, at); read > 0; ) {
      this.#readBytes += read;
      yield piece.subarray(0, read);
      at += read;
      read = readSync(this.#file, piece, 0, pieceBytes, at);
    }
  }
}
