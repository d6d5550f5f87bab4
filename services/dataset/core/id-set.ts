/**
 * A set of the names of blocks, of which a trace has tens of millions: small ones, which traces that count their blocks have, take a
 * bit each; others, hashes, take a slot of eight bytes. Pure but for what it keeps.
 */

/** Names below this have bits: at most 32 MiB of them. */
const denseEnd = 2 ** 28;
const free = -1;
const firstSlots = 1024;

export class IdSet {
  #bits = new Uint32Array(firstSlots);
  #slots = new Float64Array(firstSlots).fill(free);
  #sparse = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  has(id: number): boolean {
    if (id >= denseEnd) return this.#slots[this.#slotOf(id)] === id;
    return ((this.#bits[id >>> 5] ?? 0) & (1 << (id & 31))) !== 0;
  }

  /** True: it was not there. `id` is a whole number from 0. */
  add(id: number): boolean {
    const isNew = id < denseEnd ? this.#addDense(id) : this.#addSparse(id);
    if (isNew) this.#size++;
    return isNew;
  }

  #addDense(id: number): boolean {
    const word = id >>> 5;
    if (word >= this.#bits.length) {
      const larger = new Uint32Array(Math.min(denseEnd / 32, Math.max(word + 1, 2 * this.#bits.length)));
      larger.set(this.#bits);
      this.#bits = larger;
    }
    const before = this.#bits[word] as number;
    this.#bits[word] = before | (1 << (id & 31));
    return (before & (1 << (id & 31))) === 0;
  }

  #addSparse(id: number): boolean {
    const slot = this.#slotOf(id);
    if (this.#slots[slot] === id) return false;
    this.#slots[slot] = id;
    this.#sparse++;
    if (this.#sparse > 0.6 * this.#slots.length) this.#grow();
    return true;
  }

  #grow(): void {
    const before = this.#slots;
    this.#slots = new Float64Array(2 * before.length).fill(free);
    for (const id of before) if (id !== free) this.#slots[this.#slotOf(id)] = id;
  }

  /** Where a name is, or would be. */
  #slotOf(id: number): number {
    const mask = this.#slots.length - 1;
    let hash = Math.imul((id % 4_294_967_296) | 0, 0x9e3779b1) ^ Math.imul(Math.floor(id / 4_294_967_296) | 0, 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
    let slot = (hash ^ (hash >>> 13)) & mask;
    while (this.#slots[slot] !== free && this.#slots[slot] !== id) slot = (slot + 1) & mask;
    return slot;
  }
}
