/** A number for each row, of which most files have none: nothing is kept before the first one that is not the default. Pure. */
export class NumberColumn {
  readonly #none: number;
  #values: Float64Array<ArrayBuffer> | undefined;
  #size = 0;

  /** `none`: what a row has that says nothing. */
  constructor(none: number) {
    this.#none = none;
  }

  add(value: number): void {
    if (!Object.is(value, this.#none)) this.#values ??= new Float64Array(Math.max(256, 2 * this.#size)).fill(this.#none);
    if (this.#values !== undefined) {
      if (this.#size === this.#values.length) {
        const larger = new Float64Array(2 * this.#size).fill(this.#none);
        larger.set(this.#values);
        this.#values = larger;
      }
      this.#values[this.#size] = value;
    }
    this.#size++;
  }

  /** Of a row that was added. */
  at(row: number): number {
    return this.#values?.[row] ?? this.#none;
  }

  /** By row; undefined: all rows say nothing. */
  values(): Float64Array<ArrayBuffer> | undefined {
    return this.#values?.slice(0, this.#size);
  }
}
