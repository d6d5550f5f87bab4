/** Bytes that may be read of what one path names, uncompressed. */
import { fileError } from "./file-errors.ts";

export class ByteBudget {
  readonly #path: string;
  readonly #maxBytes: number;
  #taken = 0;

  constructor(path: string, maxBytes: number) {
    this.#path = path;
    this.#maxBytes = maxBytes;
  }

  /** More have been taken than there are. */
  get isSpent(): boolean {
    return this.#taken > this.#maxBytes;
  }

  /** Throws `resource_exhausted` once more have been taken than there are. */
  take(bytes: number): void {
    this.#taken += bytes;
    if (this.#taken <= this.#maxBytes) return;
    throw fileError("resource_exhausted", this.#path, `has more than ${this.#maxBytes} bytes (--max-dataset-bytes)`);
  }

  /** Throws as `take` does where so many more would be too many, and takes none. */
  check(bytes: number): void {
    this.take(bytes);
    this.#taken -= bytes;
  }
}
