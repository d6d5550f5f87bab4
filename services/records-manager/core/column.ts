/** A column of numbers that grows as rows are read. */
export class Column {
  #values: Float64Array;
  #length = 0;

  /** `expected` values: no more memory is taken, and what is not used of it stays the system's. */
  constructor(expected = 16) {
    this.#values = new Float64Array(Math.max(1, expected));
  }

  push(value: number): void {
    if (this.#length === this.#values.length) {
      const grown = new Float64Array(this.#length * 2);
      grown.set(this.#values);
      this.#values = grown;
    }
    this.#values[this.#length++] = value;
  }

  /** Begins anew in the memory that it has. */
  clear(): void {
    this.#length = 0;
  }

  /** What was pushed, in that order; a view that the next `push` may leave behind. */
  values(): Float64Array {
    return this.#values.subarray(0, this.#length);
  }
}
