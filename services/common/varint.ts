/**
 * Unsigned LEB128 varints of JS numbers: integers from 0 to 2^53 − 1, seven bits a byte, lowest first, the top bit set
 * on every byte but the last. The same bytes as protobuf's `uint64`.
 */
import { AssayError } from "./errors.ts";

/** Bytes that the longest varint of a safe integer takes. */
export const maxVarintBytes = 8;

/**
 * Writes `value` at `offset` and returns the offset behind it. Allocates nothing. `target` must have `maxVarintBytes`
 * left there: a typed array drops writes beyond its end silently.
 */
export function writeVarint(target: Uint8Array, offset: number, value: number): number {
  let at = offset;
  let rest = value;
  // Bit operations are 32-bit: what lies above is divided down first.
  while (rest > 0x7fff_ffff) {
    target[at++] = (rest % 128) | 0x80;
    rest = Math.floor(rest / 128);
  }
  while (rest > 0x7f) {
    target[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  target[at++] = rest;
  return at;
}

/** Reads varints one after the other. */
export class VarintReader {
  readonly #bytes: Uint8Array;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** All bytes are read. */
  get isAtEnd(): boolean {
    return this.#offset >= this.#bytes.length;
  }

  /** The next value. Throws `data_loss` where the bytes end inside a varint or it exceeds 2^53 − 1. */
  read(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.#bytes[this.#offset];
      if (byte === undefined) throw new AssayError("data_loss", `varint ends after ${this.#offset} bytes`);
      this.#offset++;
      value += (byte & 0x7f) * scale;
      // The second condition ends a run of empty continuation bytes.
      if (value > Number.MAX_SAFE_INTEGER || scale > 2 ** 63)
        throw new AssayError("data_loss", `varint at byte ${this.#offset} exceeds 2^53 - 1`);
      if (byte < 0x80) return value;
      scale *= 128;
    }
  }
}

/** Writes varints one after the other into bytes that grow with them. */
export class VarintWriter {
  #bytes = new Uint8Array(1024);
  #length = 0;

  write(value: number): void {
    if (this.#length + maxVarintBytes > this.#bytes.length) {
      const larger = new Uint8Array(2 * this.#bytes.length);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#length = writeVarint(this.#bytes, this.#length, value);
  }

  /** A copy of what has been written. */
  bytes(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }
}
