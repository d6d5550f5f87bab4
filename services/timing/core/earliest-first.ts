/** Things with a time, taken in its order; those of the same time in the order in which they were added. A binary heap: O(log n) each. */
export class EarliestFirst<Item> {
  readonly #heap: Entry<Item>[] = [];
  #added = 0;

  get size(): number {
    return this.#heap.length;
  }

  /** The time of the first; Infinity when there is none. */
  get nextAt(): number {
    return this.#heap[0]?.at ?? Number.POSITIVE_INFINITY;
  }

  add(item: Item, at: number): void {
    const heap = this.#heap;
    const entry = { item, at, added: this.#added++ };
    let place = heap.push(entry) - 1;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = heap[parent] as Entry<Item>;
      if (!isBefore(entry, above)) break;
      heap[place] = above;
      place = parent;
    }
    heap[place] = entry;
  }

  /** Takes the first. */
  take(): Item | undefined {
    const heap = this.#heap;
    const [first] = heap;
    const last = heap.pop();
    if (first !== undefined && last !== undefined && heap.length > 0) this.#sink(last);
    return first?.item;
  }

  /** Takes all, in no order. */
  takeAll(): Item[] {
    return this.#heap.splice(0).map(({ item }) => item);
  }

  /** Puts another thing in the place of each. @param move to the time that each has from here on; puts none before another that it was behind */
  replaceAll(replace: (item: Item) => Item, move: (at: number) => number = (at) => at): void {
    for (const [place, { item, at, added }] of this.#heap.entries()) {
      this.#heap[place] = { item: replace(item), at: move(at), added };
    }
  }

  /** From the top to where it belongs. */
  #sink(entry: Entry<Item>): void {
    const heap = this.#heap;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= heap.length) break;
      const right = child + 1;
      if (right < heap.length && isBefore(heap[right] as Entry<Item>, heap[child] as Entry<Item>)) child = right;
      const below = heap[child] as Entry<Item>;
      if (!isBefore(below, entry)) break;
      heap[place] = below;
      place = child;
    }
    heap[place] = entry;
  }
}

interface Entry<Item> {
  readonly item: Item;
  readonly at: number;
  readonly added: number;
}

function isBefore(one: Entry<unknown>, other: Entry<unknown>): boolean {
  return one.at < other.at || (one.at === other.at && one.added < other.added);
}
