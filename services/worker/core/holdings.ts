import type { Credit, RecallScope } from "../../common/credits.ts";
import { CreditQueue, DueHeap } from "./credit-queues.ts";

/**
 * The credits that a worker has received and neither sent nor given back. Each lies in exactly one of three queues, and the one
 * step by which it leaves is that it is taken out of it: fired or returned, never both. All of it happens on the worker's own loop.
 */
export class Holdings {
  readonly #maxCount: number;
  /** Ready: turns of sessions under way. */
  readonly #continuing = new CreditQueue();
  /** Ready: first turns. */
  readonly #starting = new CreditQueue();
  readonly #due = new DueHeap();

  /** `maxCount`: how many it holds at most. */
  constructor(maxCount = 65_536) {
    this.#maxCount = maxCount;
  }

  /** How many are held: received, neither fired nor given back. */
  get count(): number {
    return this.#continuing.size + this.#starting.size + this.#due.size;
  }

  /** When the next credit that waits for its due time is due; Infinity when none does. */
  get nextDueNs(): number {
    return this.#due.nextDueNs;
  }

  /** Takes a credit in: ready when it is due by `now`, else until it is promoted. False, and not taken, when no more are held. */
  hold(credit: Credit, now: number): boolean {
    if (this.count >= this.#maxCount) return false;
    if (credit.dueNs <= now) this.#queueReady(credit);
    else this.#due.push(credit);
    return true;
  }

  /** Makes everything due by `now` ready. */
  promoteDue(now: number): void {
    while (this.nextDueNs <= now) this.#queueReady(this.#due.pop() as Credit);
  }

  /** Fires the next ready credit, turns of sessions under way before others: from here on it counts as sent. Undefined when none is ready. */
  fireNext(): Credit | undefined {
    return this.#continuing.shift() ?? this.#starting.shift();
  }

  /** Gives back what of the phase is in scope and not fired; returns it. */
  recall(phase: number, scope: RecallScope, firstTurnsOnly: boolean): Credit[] {
    const candidates = this.#credits().filter((credit) => {
      if (credit.phase !== phase || (firstTurnsOnly && isUnderWay(credit))) return false;
      return scope.kind !== "due_after" || credit.dueNs > scope.dueAfterNs;
    });
    // Latest due first; of those that are due at the same time, the latest drawn.
    candidates.sort((a, b) => b.dueNs - a.dueNs || b.id - a.id);
    const returned = scope.kind === "count" ? candidates.slice(0, scope.count) : candidates;
    if (returned.length > 0) this.#takeOut(new Set(returned));
    return returned;
  }

  /** Gives back everything that is not fired; returns it. */
  giveBackAll(): Credit[] {
    const returned = this.#credits();
    this.discardAll();
    return returned;
  }

  /** Forgets everything that is held. */
  discardAll(): void {
    this.#continuing.clear();
    this.#starting.clear();
    this.#due.clear();
  }

  #queueReady(credit: Credit): void {
    const queue = isUnderWay(credit) ? this.#continuing : this.#starting;
    queue.push(credit);
  }

  #credits(): Credit[] {
    return [...this.#continuing.credits(), ...this.#starting.credits(), ...this.#due.credits()];
  }

  #takeOut(returned: ReadonlySet<Credit>): void {
    const isHeld = (credit: Credit) => !returned.has(credit);
    for (const queue of [this.#continuing, this.#starting, this.#due]) queue.keep(isHeld);
  }
}

/** Only this worker can play it. */
function isUnderWay({ turn, parentSession }: Credit): boolean {
  return turn > 0 || parentSession !== undefined;
}
