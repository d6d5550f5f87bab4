/** Pages of a file that were read lately, up to a bound of bytes; least recently used out first. Pure but for what it keeps. */
import type { Arenas } from "./packed-rows.ts";

export class PageCache implements Arenas {
  readonly #read: (index: number) => Uint8Array | undefined;
  readonly #maxBytes: number;
  readonly #pages = new Map<number, Uint8Array>();
  #sizeBytes = 0;

  /** @param read a page; the cache's from then on */
  constructor(read: (index: number) => Uint8Array | undefined, maxBytes: number) {
    this.#read = read;
    this.#maxBytes = maxBytes;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Throws what reading throws. */
  at(index: number): Uint8Array | undefined {
    const known = this.#pages.get(index);
    const page = known ?? this.#read(index);
    if (page === undefined) return undefined;
    // The order of the map is the order of use.
    if (known === undefined) this.#sizeBytes += page.length;
    else this.#pages.delete(index);
    this.#pages.set(index, page);
    for (const [oldest, { length }] of this.#pages) {
      if (this.#sizeBytes <= this.#maxBytes || oldest === index) break;
      this.#pages.delete(oldest);
      this.#sizeBytes -= length;
    }
    return page;
  }
}
