/** A moment that one thread sets and another one waits for, in memory that both share. */

const closed = Number.NEGATIVE_INFINITY;
const cellBytes = 16;

export class AlarmCell {
  /** What the other thread makes its own cell of. */
  readonly memory: SharedArrayBuffer;
  readonly #moment: Float64Array;
  readonly #changes: Int32Array;
  /** The change whose moment has been waited for. */
  #passed = -1;

  /** Without `memory`: a cell of its own, with no moment set. */
  constructor(memory?: SharedArrayBuffer) {
    this.memory = memory ?? new SharedArrayBuffer(cellBytes);
    this.#moment = new Float64Array(this.memory, 0, 1);
    this.#changes = new Int32Array(this.memory, 8, 1);
    if (memory === undefined) this.#moment[0] = Number.POSITIVE_INFINITY;
  }

  /** Sets the moment, in place of any earlier one; Infinity: none. */
  set(ns: number): void {
    this.#moment[0] = ns;
    Atomics.add(this.#changes, 0, 1);
    Atomics.notify(this.#changes, 0);
  }

  /** Ends every wait, for good. */
  close(): void {
    this.set(closed);
  }

  /** Blocks this thread until a moment that was set has come; of each, once. False: closed. `clock`: what moments are readings of. */
  wait(clock: () => number): boolean {
    for (;;) {
      const change = Atomics.load(this.#changes, 0);
      // Where it is set between these two lines, the wait below ends at once, or its moment has come twice.
      const ns = this.#moment[0] as number;
      if (ns === closed) return false;
      const leftMs = change === this.#passed ? Number.POSITIVE_INFINITY : (ns - clock()) / 1e6;
      if (leftMs <= 0) {
        this.#passed = change;
        return true;
      }
      Atomics.wait(this.#changes, 0, change, leftMs);
    }
  }
}
