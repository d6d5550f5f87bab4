/** Of this many picks in a row each is one of as many requests as the picks before. */
const picksPerStep = 100;

/**
 * Picks of a stream whose length nobody knows: the first 100 all, then every second, after another 100 every fourth, and so on. What
 * is picked is spread over the whole stream, and of n there are about 100 × log2(n / 100).
 */
export class Thinning {
  #seen = 0;
  #picked = 0;
  #stride = 1;

  /** Whether the next one is picked. */
  next(): boolean {
    if (this.#seen++ % this.#stride !== 0) return false;
    if (++this.#picked % picksPerStep === 0) this.#stride *= 2;
    return true;
  }
}
