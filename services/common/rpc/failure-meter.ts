/** How often each address has failed to say who it is: a bucket that fills with failures and empties with time. */
import { AssayError } from "../errors.ts";

export interface FailureLimit {
  /** Failures of one address in a minute, above which it is told so. 0: no limit. */
  readonly perMinute: number;
  /** Milliseconds that only grow. Default: `performance.now`. */
  readonly now?: () => number;
}

interface Bucket {
  readonly level: number;
  readonly atMs: number;
}

/** Addresses that are remembered; of more, those go first that failed longest ago. */
const mostAddresses = 4096;

export class FailureMeter {
  readonly #buckets = new Map<string, Bucket>();
  readonly #limit: number;
  readonly #now: () => number;

  constructor({ perMinute, now = () => performance.now() }: FailureLimit) {
    this.#limit = perMinute;
    this.#now = now;
  }

  /** Addresses that it remembers. */
  get size(): number {
    return this.#buckets.size;
  }

  /**
   * One more failure of this address. Throws `resource_exhausted` above the limit. Who can say who they are is never counted: from an
   * address that many share, one of them must not lock the others out.
   */
  count(address: string): void {
    if (this.#limit === 0) return;
    const now = this.#now();
    const before = this.#buckets.get(address) ?? { level: 0, atMs: now };
    const level = Math.max(0, before.level - ((now - before.atMs) * this.#limit) / 60_000) + 1;
    const isAbove = level > this.#limit;
    // What is above is not added: an address that stops is heard again within seconds.
    this.#buckets.delete(address);
    this.#buckets.set(address, { level: Math.min(level, this.#limit), atMs: now });
    const [oldest] = this.#buckets.size > mostAddresses ? this.#buckets.keys() : [];
    if (oldest !== undefined) this.#buckets.delete(oldest);
    if (!isAbove) return;
    throw new AssayError(
      "resource_exhausted",
      `${address} failed to authenticate more than ${this.#limit} times in a minute (--max-failed-authentications)`,
    );
  }
}
