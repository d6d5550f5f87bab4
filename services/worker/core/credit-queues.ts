import type { Credit } from "../../common/credits.ts";

/** First in, first out: a ring that doubles when full. */
export class CreditQueue {
  #ring: (Credit | undefined)[] = new Array(256).fill(undefined);
  #head = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(credit: Credit): void {
    if (this.#size === this.#ring.length) this.#grow();
    this.#ring[(this.#head + this.#size++) & (this.#ring.length - 1)] = credit;
  }

  /** Takes the first out; undefined when there is none. */
  shift(): Credit | undefined {
    if (this.#size === 0) return undefined;
    const credit = this.#ring[this.#head];
    this.#ring[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#ring.length - 1);
    this.#size--;
    return credit;
  }

  /** All, in order. */
  credits(): Credit[] {
    return Array.from({ length: this.#size }, (_, i) => this.#ring[(this.#head + i) & (this.#ring.length - 1)] as Credit);
  }

  /** Keeps those that pass, in order. */
  keep(passes: (credit: Credit) => boolean): void {
    const kept = this.credits().filter(passes);
    if (kept.length === this.#size) return;
    this.clear();
    for (const credit of kept) this.push(credit);
  }

  clear(): void {
    this.#ring.fill(undefined);
    this.#head = 0;
    this.#size = 0;
  }

  #grow(): void {
    const ring: (Credit | undefined)[] = new Array(this.#ring.length * 2).fill(undefined);
    for (const [i, credit] of this.credits().entries()) ring[i] = credit;
    this.#ring = ring;
    this.#head = 0;
  }
}

interface Entry {
  readonly credit: Credit;
  readonly dueNs: number;
  readonly order: number;
}

/**
 * By due time, earliest first; of equal ones, the first in comes out first. A binary heap: timing issues in due order, so a push
 * is nearly free.
 */
export class DueHeap {
  #entries: Entry[] = [];
  #order = 0;

  get size(): number {
    return this.#entries.length;
  }

  /** When the first is due; Infinity when there is none. */
  get nextDueNs(): number {
    return this.#entries[0]?.dueNs ?? Number.POSITIVE_INFINITY;
  }

  push(credit: Credit): void {
    this.#add({ credit, dueNs: credit.dueNs, order: this.#order++ });
  }

  /** Takes the first out; undefined when there is none. */
  pop(): Credit | undefined {
    const first = this.#entries[0];
    const last = this.#entries.pop();
    if (last !== undefined && this.#entries.length > 0) this.#sink(last);
    return first?.credit;
  }

  /** All, in no order. */
  credits(): Credit[] {
    return this.#entries.map(({ credit }) => credit);
  }

  /** Keeps those that pass. */
  keep(passes: (credit: Credit) => boolean): void {
    const kept = this.#entries.filter(({ credit }) => passes(credit));
    if (kept.length === this.#entries.length) return;
    this.#entries = [];
    for (const entry of kept) this.#add(entry);
  }

  clear(): void {
    this.#entries = [];
  }

  #add(entry: Entry): void {
    const entries = this.#entries;
    let at = entries.push(entry) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(entry, entries[parent] as Entry)) break;
      entries[at] = entries[parent] as Entry;
      at = parent;
    }
    entries[at] = entry;
  }

  #sink(entry: Entry): void {
    const entries = this.#entries;
    let at = 0;
    for (let child = 1; child < entries.length; child = 2 * at + 1) {
      if (child + 1 < entries.length && isBefore(entries[child + 1] as Entry, entries[child] as Entry)) child++;
      if (!isBefore(entries[child] as Entry, entry)) break;
      entries[at] = entries[child] as Entry;
      at = child;
    }
    entries[at] = entry;
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.dueNs < b.dueNs || (a.dueNs === b.dueNs && a.order < b.order);
}
