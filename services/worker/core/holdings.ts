import type { Credit, RecallScope } from "../../common/credits.ts";
import { CreditQueue, type DueHeap, dueHeap } from "./credit-queues.ts";

/** States of a slot's word. Whoever changes a word from `held` by compare-and-exchange decides what becomes of the credit. */
export const FREE = 0;
/** Received, neither sent nor given back. */
export const HELD = 1;
/** Being sent, or sent. */
export const FIRED = 2;
/** Given back unused. */
export const RETURNED = 3;

/**
 * The credits that a worker has received and neither sent nor given back, and the one atomic step by which each leaves: fired or
 * returned, never both. Each credit has a slot with a word; the words may lie in shared memory, so that a pacer on a thread of
 * its own can fire (`held → fired`) while this side answers a recall (`held → returned`).
 */
export class Holdings {
  /** One word a slot. */
  readonly words: Int32Array;
  readonly #credits: (Credit | undefined)[];
  readonly #freeSlots: number[] = [];
  readonly #ready: CreditQueue;
  readonly #continuing: CreditQueue;
  readonly #due: DueHeap;
  readonly #withPacer = new Set<number>();
  #count = 0;

  /** `words`: as many slots as it has words; all zero. Default 65 536, not shared. */
  constructor(words: Int32Array = new Int32Array(65_536)) {
    this.words = words;
    this.#credits = new Array(words.length);
    this.#ready = new CreditQueue();
    this.#continuing = new CreditQueue();
    this.#due = dueHeap((slot) => (this.#credits[slot] as Credit).dueNs);
    for (let slot = words.length - 1; slot >= 0; slot--) this.#freeSlots.push(slot);
  }

  /** How many are held: received, neither fired nor given back. A word that the pacer's thread has just changed still counts. */
  get count(): number {
    return this.#count;
  }

  /** When the next credit with a due time is due; Infinity when none waits here. */
  get nextDueNs(): number {
    const slot = this.#due.peek();
    return slot === undefined ? Number.POSITIVE_INFINITY : (this.#credits[slot] as Credit).dueNs;
  }

  /** Takes a credit in; returns its slot, or -1 when every slot is taken. */
  hold(credit: Credit): number {
    const slot = this.#freeSlots.pop();
    if (slot === undefined) return -1;
    this.#credits[slot] = credit;
    Atomics.store(this.words, slot, HELD);
    this.#count++;
    return slot;
  }

  creditIn(slot: number): Credit {
    return this.#credits[slot] as Credit;
  }

  /** The credit may be sent as soon as there is room: turns of sessions under way before others. */
  queueReady(slot: number): void {
    const queue = this.creditIn(slot).turn > 0 ? this.#continuing : this.#ready;
    queue.push(slot);
  }

  /** The credit waits for its due time here. */
  queueDue(slot: number): void {
    this.#due.push(slot);
  }

  /** The credit waits for its due time with the pacer's thread, which alone fires it. */
  handToPacer(slot: number): void {
    this.#withPacer.add(slot);
  }

  /** Makes everything due by `now` ready. */
  promoteDue(now: number): void {
    while (this.nextDueNs <= now) this.queueReady(this.#due.pop() as number);
  }

  /** Fires the next ready credit: from here on it counts as sent. Undefined when none is ready. */
  fireNext(): Credit | undefined {
    return this.#fireFrom(this.#continuing) ?? this.#fireFrom(this.#ready);
  }

  /** The pacer's thread fired this slot's credit. Returns it; it has left. Undefined when it was discarded meanwhile. */
  firedByPacer(slot: number): Credit | undefined {
    const credit = this.#credits[slot];
    this.#withPacer.delete(slot);
    if (credit !== undefined) this.#count--;
    this.#free(slot);
    return credit;
  }

  /** The pacer's thread fired it, but it may not be sent now: it waits here again, ready. Nothing happens when it was discarded meanwhile. */
  takeBackFromPacer(slot: number): void {
    this.#withPacer.delete(slot);
    if (this.#credits[slot] === undefined) {
      this.#free(slot);
      return;
    }
    Atomics.store(this.words, slot, HELD);
    this.queueReady(slot);
  }

  /** The pacer's thread found the slot's credit given back and has dropped it; the slot is free again. */
  droppedByPacer(slot: number): void {
    this.#withPacer.delete(slot);
    this.#free(slot);
  }

  /** Gives back what of the phase is in scope and not fired; returns it. */
  recall(phase: number, scope: RecallScope, firstTurnsOnly: boolean): Credit[] {
    const candidates = this.#heldSlots().filter((slot) => {
      const credit = this.creditIn(slot);
      if (credit.phase !== phase || (firstTurnsOnly && credit.turn > 0)) return false;
      return scope.kind !== "due_after" || credit.dueNs > scope.dueAfterNs;
    });
    // Latest due first; of those that are due at the same time, the latest drawn.
    candidates.sort((a, b) => {
      const first = this.creditIn(a);
      const second = this.creditIn(b);
      return second.dueNs - first.dueNs || second.id - first.id;
    });
    const limit = scope.kind === "count" ? scope.count : candidates.length;
    const returned: Credit[] = [];
    for (const slot of candidates) {
      if (returned.length >= limit) break;
      // The pacer's thread may have been quicker; then it is sent, and the recall takes another one.
      if (this.#giveBack(slot)) returned.push(this.creditIn(slot));
    }
    this.#sweep();
    return returned;
  }

  /** Gives back everything that is not fired; returns it. */
  giveBackAll(): Credit[] {
    const returned: Credit[] = [];
    for (const slot of this.#heldSlots()) if (this.#giveBack(slot)) returned.push(this.creditIn(slot));
    this.#sweep();
    return returned;
  }

  /** Forgets everything that is held, whether or not the pacer's thread has just fired it. */
  discardAll(): void {
    this.giveBackAll();
    for (const slot of this.#withPacer) {
      if (Atomics.load(this.words, slot) !== FIRED) continue;
      this.#credits[slot] = undefined;
      this.#count--;
    }
  }

  #fireFrom(queue: CreditQueue): Credit | undefined {
    for (let slot = queue.shift(); slot !== undefined; slot = queue.shift()) {
      const isFired = Atomics.compareExchange(this.words, slot, HELD, FIRED) === HELD;
      const credit = this.creditIn(slot);
      this.#free(slot);
      if (!isFired) continue;
      this.#count--;
      return credit;
    }
    return undefined;
  }

  #giveBack(slot: number): boolean {
    if (Atomics.compareExchange(this.words, slot, HELD, RETURNED) !== HELD) return false;
    this.#count--;
    return true;
  }

  #heldSlots(): number[] {
    const slots = [...this.#continuing.slots(), ...this.#ready.slots(), ...this.#due.slots(), ...this.#withPacer];
    return slots.filter((slot) => Atomics.load(this.words, slot) === HELD);
  }

  /** Takes the returned ones out of the queues; those with the pacer stay until it drops them. */
  #sweep(): void {
    const isHeld = (slot: number) => Atomics.load(this.words, slot) !== RETURNED;
    for (const queue of [this.#continuing, this.#ready, this.#due]) {
      for (const slot of queue.keep(isHeld)) this.#free(slot);
    }
  }

  #free(slot: number): void {
    this.#credits[slot] = undefined;
    Atomics.store(this.words, slot, FREE);
    this.#freeSlots.push(slot);
  }
}
