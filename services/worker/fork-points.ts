/** What a session has said at the points where others begin with it, kept until all of those have begun. */
import type { ChatMessage } from "../../endpoints/endpoint.ts";
import type { Credit } from "../common/credits.ts";

/** What a session has said so far. */
export interface Said {
  readonly history: readonly ChatMessage[];
  /** What the dataset counted of it; the answers are not among that. */
  readonly historyTokens: number;
}

export class ForkPoints {
  readonly #points = new Map<string, { readonly said: Said; left: number }>();

  /** A turn is over that `forks` sessions build on. */
  keep({ phase, sessionId, turn, forks = 0 }: Credit, said: Said): void {
    this.#points.set(keyOf(phase, sessionId, turn), { said: { ...said, history: [...said.history] }, left: forks });
  }

  /** What the session of this credit begins with; undefined: its parent has not come so far here. */
  find(credit: Credit): Said | undefined {
    return this.#points.get(keyOfFork(credit))?.said;
  }

  /** The session of this credit has begun. */
  begun(credit: Credit): void {
    const key = keyOfFork(credit);
    const point = this.#points.get(key);
    if (point === undefined) return;
    point.left--;
    if (point.left === 0) this.#points.delete(key);
  }
}

function keyOfFork({ phase, parentSession = 0, forkedAt = 0 }: Credit): string {
  return keyOf(phase, parentSession, forkedAt);
}

function keyOf(phase: number, session: number, turn: number): string {
  return `${phase}/${session}/${turn}`;
}
