/** Ids `first` to `last`, both included. */
export interface IdRange {
  readonly first: number;
  readonly last: number;
}

/**
 * A set of non-negative integer ids, kept and sent as a list of ranges. Ids of a run are dense, so a set of millions is
 * usually a handful of ranges; adding at or near the end is cheap, adding elsewhere costs a binary search and a splice.
 * Owned by whoever built it; the operations that combine two sets return a new one.
 */
export class IdRanges implements Iterable<number> {
  // Parallel arrays of plain numbers: sorted, disjoint, and never adjacent ([1,2] and [3,4] are kept as [1,4]).
  readonly #firsts: number[] = [];
  readonly #lasts: number[] = [];
  #count = 0;

  static ofIds(ids: Iterable<number>): IdRanges {
    const set = new IdRanges();
    for (const id of ids) set.add(id);
    return set;
  }

  /** Ranges in any order, overlapping or not. */
  static ofRanges(ranges: Iterable<IdRange>): IdRanges {
    const set = new IdRanges();
    for (const { first, last } of ranges) set.addRange(first, last);
    return set;
  }

  /** How many ids. */
  get count(): number {
    return this.#count;
  }

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** The highest id, or undefined when empty. */
  get highest(): number | undefined {
    return this.#lasts[this.#lasts.length - 1];
  }

  has(id: number): boolean {
    const at = this.#indexAtOrBelow(id);
    return at >= 0 && (this.#lasts[at] as number) >= id;
  }

  /** Returns true when the id was not there before. */
  add(id: number): boolean {
    const end = this.#lasts.length - 1;
    const highest = end < 0 ? -2 : (this.#lasts[end] as number);
    if (id === highest + 1) {
      this.#lasts[end] = id;
      this.#count++;
      return true;
    }
    if (this.has(id)) return false;
    this.addRange(id, id);
    return true;
  }

  /** Adds every id of the range; `last` below `first` adds nothing. */
  addRange(first: number, last: number): void {
    if (last < first) return;
    let from = this.#indexAtOrBelow(first);
    if (from < 0 || (this.#lasts[from] as number) < first - 1) from++;
    let to = from;
    let low = first;
    let high = last;
    while (to < this.#firsts.length && (this.#firsts[to] as number) <= last + 1) {
      low = Math.min(low, this.#firsts[to] as number);
      high = Math.max(high, this.#lasts[to] as number);
      this.#count -= (this.#lasts[to] as number) - (this.#firsts[to] as number) + 1;
      to++;
    }
    this.#firsts.splice(from, to - from, low);
    this.#lasts.splice(from, to - from, high);
    this.#count += high - low + 1;
  }

  /** Returns true when the id was there. */
  remove(id: number): boolean {
    const at = this.#indexAtOrBelow(id);
    if (at < 0 || (this.#lasts[at] as number) < id) return false;
    const first = this.#firsts[at] as number;
    const last = this.#lasts[at] as number;
    const firsts: number[] = [];
    const lasts: number[] = [];
    if (first < id) {
      firsts.push(first);
      lasts.push(id - 1);
    }
    if (id < last) {
      firsts.push(id + 1);
      lasts.push(last);
    }
    this.#firsts.splice(at, 1, ...firsts);
    this.#lasts.splice(at, 1, ...lasts);
    this.#count--;
    return true;
  }

  /** Ids of either. */
  union(other: IdRanges): IdRanges {
    const set = IdRanges.ofRanges(this.ranges());
    for (const { first, last } of other.ranges()) set.addRange(first, last);
    return set;
  }

  /** Ids of this that are not in the other. */
  subtract(other: IdRanges): IdRanges {
    const set = new IdRanges();
    let at = 0;
    for (const { first, last } of this.ranges()) {
      let from = first;
      while (at < other.#firsts.length && (other.#lasts[at] as number) < from) at++;
      for (let i = at; i < other.#firsts.length && (other.#firsts[i] as number) <= last; i++) {
        set.addRange(from, (other.#firsts[i] as number) - 1);
        from = Math.max(from, (other.#lasts[i] as number) + 1);
      }
      set.addRange(from, last);
    }
    return set;
  }

  /** Ids of both. */
  intersect(other: IdRanges): IdRanges {
    return this.subtract(this.subtract(other));
  }

  equals(other: IdRanges): boolean {
    return (
      this.#firsts.length === other.#firsts.length &&
      this.#firsts.every((first, i) => first === other.#firsts[i] && this.#lasts[i] === other.#lasts[i])
    );
  }

  /** The set as it goes on the wire: ascending, disjoint, as few ranges as possible. */
  ranges(): IdRange[] {
    return this.#firsts.map((first, i) => ({ first, last: this.#lasts[i] as number }));
  }

  /** As `ranges`, so that a set can be compared and stored as JSON. */
  toJSON(): IdRange[] {
    return this.ranges();
  }

  /** Every id, ascending. */
  *[Symbol.iterator](): IterableIterator<number> {
    for (let i = 0; i < this.#firsts.length; i++) {
      for (let id = this.#firsts[i] as number; id <= (this.#lasts[i] as number); id++) yield id;
    }
  }

  /** `1-4, 7`, for messages. */
  toString(): string {
    return this.ranges()
      .map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`))
      .join(", ");
  }

  /** Index of the range with the greatest first ≤ id, or -1. */
  #indexAtOrBelow(id: number): number {
    let low = 0;
    let high = this.#firsts.length - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      if ((this.#firsts[middle] as number) <= id) low = middle + 1;
      else high = middle - 1;
    }
    return high;
  }
}
