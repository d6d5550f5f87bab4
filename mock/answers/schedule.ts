/** One shared schedule that serves what is due: a heap of what waits, one timer for the earliest. */

/** Something that waits for its due time. `heapIndex` belongs to the heap; -1 = not in it. */
export interface Due {
  dueNs: number;
  heapIndex: number;
}

/** A binary min-heap by due time whose items know their place, so that any of them can be taken out. */
export class DueHeap<T extends Due> {
  readonly #items: T[] = [];

  get size(): number {
    return this.#items.length;
  }

  /** The earliest, left in place. */
  peek(): T | undefined {
    return this.#items[0];
  }

  /** The item must not be in a heap, and its due time must not change while it is. */
  push(item: T): void {
    item.heapIndex = this.#items.length;
    this.#items.push(item);
    this.#rise(item);
  }

  /** Takes out the earliest. */
  pop(): T | undefined {
    const first = this.#items[0];
    if (first !== undefined) this.remove(first);
    return first;
  }

  /** Takes an item out; no effect when it is not in. */
  remove(item: T): void {
    const index = item.heapIndex;
    if (index < 0) return;
    item.heapIndex = -1;
    const last = this.#items.pop();
    if (last === undefined || last === item) return;
    this.#items[index] = last;
    last.heapIndex = index;
    this.#rise(last);
    this.#sink(last);
  }

  #rise(item: T): void {
    const items = this.#items;
    let index = item.heapIndex;
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = items[above];
      if (parent === undefined || parent.dueNs <= item.dueNs) break;
      items[index] = parent;
      parent.heapIndex = index;
      index = above;
    }
    items[index] = item;
    item.heapIndex = index;
  }

  #sink(item: T): void {
    const items = this.#items;
    let index = item.heapIndex;
    for (;;) {
      let below = 2 * index + 1;
      let child = items[below];
      if (child === undefined) break;
      const right = items[below + 1];
      if (right !== undefined && right.dueNs < child.dueNs) {
        below += 1;
        child = right;
      }
      if (child.dueNs >= item.dueNs) break;
      items[index] = child;
      child.heapIndex = index;
      index = below;
    }
    items[index] = item;
    item.heapIndex = index;
  }
}

const longestTimerMs = 2 ** 31 - 1;

export interface ScheduleDeps<T> {
  /** CLOCK_MONOTONIC in ns. */
  readonly now: () => number;
  /** Serves one due item; adds it again if it has more to come. */
  readonly visit: (item: T, nowNs: number) => void;
  /** Spin for the last two milliseconds before a due time. */
  readonly precise: boolean;
}

/**
 * Visits each item once its due time has come, never before. All items due by then are visited in one pass, each once;
 * an item that is due again at once waits for the next pass, after the sockets had their turn, so no item starves
 * another.
 */
export class Schedule<T extends Due> {
  readonly #deps: ScheduleDeps<T>;
  readonly #spinNs: number;
  readonly #heap = new DueHeap<T>();
  #timer: NodeJS.Timeout | undefined;
  #timerDueNs = 0;
  #immediate: NodeJS.Immediate | undefined;
  #isPassing = false;

  constructor(deps: ScheduleDeps<T>) {
    this.#deps = deps;
    this.#spinNs = deps.precise ? 2e6 : 0;
  }

  get size(): number {
    return this.#heap.size;
  }

  add(item: T): void {
    this.#heap.push(item);
    if (!this.#isPassing && this.#heap.peek() === item) this.#arm();
  }

  /** No effect when the item does not wait. */
  remove(item: T): void {
    this.#heap.remove(item);
  }

  /** Forgets everything that waits. */
  stop(): void {
    while (this.#heap.pop() !== undefined);
    this.#disarm();
  }

  #pass(): void {
    this.#immediate = undefined;
    this.#timer = undefined;
    const { now, visit } = this.#deps;
    const nowNs = now();
    const due: T[] = [];
    for (let item = this.#heap.peek(); item !== undefined && item.dueNs <= nowNs; item = this.#heap.peek()) {
      this.#heap.remove(item);
      due.push(item);
    }
    this.#isPassing = true;
    for (const item of due) visit(item, nowNs);
    this.#isPassing = false;
    this.#arm();
  }

  // Arms for the earliest item; what was armed for a later time gives way.
  #arm(): void {
    const first = this.#heap.peek();
    if (first === undefined || this.#immediate !== undefined) return;
    const waitNs = first.dueNs - this.#deps.now();
    if (waitNs <= this.#spinNs) {
      this.#disarm();
      this.#immediate = setImmediate(() => this.#pass());
      return;
    }
    if (this.#timer !== undefined && this.#timerDueNs <= first.dueNs) return;
    this.#disarm();
    this.#timerDueNs = first.dueNs;
    this.#timer = setTimeout(() => this.#pass(), Math.min(Math.ceil((waitNs - this.#spinNs) / 1e6), longestTimerMs));
  }

  #disarm(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
    this.#timer = undefined;
    this.#immediate = undefined;
  }
}
