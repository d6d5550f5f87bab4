/** What an event loop and the thread that guards its lease tell each other, in memory that both share. Pure. */

/** A loop whose last life sign is younger than this renews its lease itself. */
export const behindNs = 1e9;
/** One whose last life sign is older than this is given up: its lease ends, and with it what it may send. */
export const givenUpNs = 5e9;

const cellBytes = 24;

/**
 * One writer for each number: the loop signs and voids, the thread grants. A grant names the term that it was asked for, so that one
 * that comes after its term was voided is worth nothing.
 */
export class LeaseCell {
  /** What the other thread makes its own cell of. */
  readonly memory: SharedArrayBuffer;
  /** The loop's last life sign, and the end of the lease that was granted. */
  readonly #times: Float64Array;
  /** The term that goes on, and the one that was granted. */
  readonly #terms: Int32Array;

  /** Without `memory`: a cell of its own, without a life sign. */
  constructor(memory?: SharedArrayBuffer) {
    this.memory = memory ?? new SharedArrayBuffer(cellBytes);
    this.#times = new Float64Array(this.memory, 0, 2);
    this.#terms = new Int32Array(this.memory, 16, 2);
    if (memory === undefined) this.void();
  }

  get term(): number {
    return Atomics.load(this.#terms, 0);
  }

  /** −Infinity: nothing was granted in this term. */
  get endNs(): number {
    return Atomics.load(this.#terms, 1) === this.term ? (this.#times[1] as number) : Number.NEGATIVE_INFINITY;
  }

  sign(now: number): void {
    this.#times[0] = now;
  }

  /** No life sign: nothing is asked for until the next one. */
  rest(): void {
    this.#times[0] = Number.NEGATIVE_INFINITY;
  }

  /** Another term begins, without a life sign and with nothing granted. */
  void(): void {
    this.rest();
    Atomics.add(this.#terms, 0, 1);
  }

  /** Whether the thread is to ask now, in this term. */
  wantsExtension(term: number, now: number): boolean {
    const silentNs = now - (this.#times[0] as number);
    return term === this.term && silentNs >= behindNs && silentNs <= givenUpNs;
  }

  /** The lease that was asked for in this term is over at `endNs`. Grants of a term come with ascending ends. */
  grant(term: number, endNs: number): void {
    this.#times[1] = endNs;
    Atomics.store(this.#terms, 1, term);
  }
}
