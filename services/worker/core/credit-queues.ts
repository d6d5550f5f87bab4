/** First in, first out, over slot numbers: a ring that doubles when full. */
export class CreditQueue {
  #ring = new Int32Array(256);
  #head = 0;
  #size = 0;

  push(slot: number): void {
    if (this.#size === this.#ring.length) this.#grow();
    this.#ring[(this.#head + this.#size++) & (this.#ring.length - 1)] = slot;
  }

  shift(): number | undefined {
    if (this.#size === 0) return undefined;
    const slot = this.#ring[this.#head] as number;
    this.#head = (this.#head + 1) & (this.#ring.length - 1);
    this.#size--;
    return slot;
  }

  /** All, in order. */
  slots(): number[] {
    return Array.from({ length: this.#size }, (_, i) => this.#ring[(this.#head + i) & (this.#ring.length - 1)] as number);
  }

  /** Keeps those that pass, in order; returns the others. */
  keep(passes: (slot: number) => boolean): number[] {
    const all = this.slots();
    const removed = all.filter((slot) => !passes(slot));
    if (removed.length === 0) return removed;
    this.#head = 0;
    this.#size = 0;
    for (const slot of all) if (passes(slot)) this.push(slot);
    return removed;
  }

  #grow(): void {
    const ring = new Int32Array(this.#ring.length * 2);
    ring.set(this.slots());
    this.#ring = ring;
    this.#head = 0;
  }
}

/** Slot numbers by due time, earliest first; of equal ones, the first in comes out first. */
export interface DueHeap {
  push(slot: number): void;
  peek(): number | undefined;
  pop(): number | undefined;
  /** All, in no order. */
  slots(): number[];
  /** Keeps those that pass; returns the others. */
  keep(passes: (slot: number) => boolean): number[];
}

interface Entry {
  readonly slot: number;
  readonly dueNs: number;
  readonly order: number;
}

/** A binary heap. `dueNsOf` is asked once, when the slot comes in. Timing issues in due order, so a push is nearly free. */
export function dueHeap(dueNsOf: (slot: number) => number): DueHeap {
  let entries: Entry[] = [];
  let order = 0;
  const isBefore = (a: Entry, b: Entry) => a.dueNs < b.dueNs || (a.dueNs === b.dueNs && a.order < b.order);
  const add = (entry: Entry) => {
    let at = entries.push(entry) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(entry, entries[parent] as Entry)) break;
      entries[at] = entries[parent] as Entry;
      at = parent;
    }
    entries[at] = entry;
  };
  const sink = (entry: Entry) => {
    let at = 0;
    for (let child = 1; child < entries.length; child = 2 * at + 1) {
      if (child + 1 < entries.length && isBefore(entries[child + 1] as Entry, entries[child] as Entry)) child++;
      if (!isBefore(entries[child] as Entry, entry)) break;
      entries[at] = entries[child] as Entry;
      at = child;
    }
    entries[at] = entry;
  };
  return {
    push: (slot) => add({ slot, dueNs: dueNsOf(slot), order: order++ }),
    peek: () => entries[0]?.slot,
    pop: () => {
      const first = entries[0];
      const last = entries.pop();
      if (last !== undefined && entries.length > 0) sink(last);
      return first?.slot;
    },
    slots: () => entries.map(({ slot }) => slot),
    keep: (passes) => {
      const all = entries;
      entries = [];
      for (const entry of all) if (passes(entry.slot)) add(entry);
      return all.filter((entry) => !passes(entry.slot)).map(({ slot }) => slot);
    },
  };
}
