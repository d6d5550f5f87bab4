import type { Credit } from "../../common/credits.ts";

/** A turn above 0 that its worker may play next. */
export interface WaitingTurn {
  /** Not before this time: the turn's delay after the previous one. */
  readonly readyNs: number;
  /** The credit to draw again if `isRedraw`, otherwise the one of the previous turn. */
  readonly credit: Credit;
  readonly isRedraw: boolean;
}

/** How many turns a session that ends here leaves unplayed. */
export function turnsLeft(waiting: WaitingTurn): number {
  return waiting.credit.turns - waiting.credit.turn - (waiting.isRedraw ? 0 : 1);
}

/**
 * The sessions of one worker incarnation that wait between two turns, earliest first. A session is played on the worker that has
 * its history and nowhere else, and only after the turn before was sent.
 */
export class WaitingSessions {
  readonly #waiting: WaitingTurn[] = [];
  #redraws = 0;

  get count(): number {
    return this.#waiting.length;
  }

  /** Those whose turn was drawn before and came back unused. */
  get redrawCount(): number {
    return this.#redraws;
  }

  /** When the earliest is ready; Infinity when none waits. */
  get nextReadyNs(): number {
    return this.#waiting[0]?.readyNs ?? Number.POSITIVE_INFINITY;
  }

  add(waiting: WaitingTurn): void {
    let at = this.#waiting.length;
    while (at > 0 && (this.#waiting[at - 1] as WaitingTurn).readyNs > waiting.readyNs) at--;
    this.#waiting.splice(at, 0, waiting);
    if (waiting.isRedraw) this.#redraws++;
  }

  /** Takes the earliest if it is ready by `time`. */
  takeReady(time: number): WaitingTurn | undefined {
    const first = this.#waiting[0];
    if (first === undefined || first.readyNs > time) return undefined;
    this.#waiting.shift();
    if (first.isRedraw) this.#redraws--;
    return first;
  }

  /** Takes a turn that was drawn before; it is never waited for. */
  takeRedraw(): WaitingTurn | undefined {
    const at = this.#waiting.findIndex((waiting) => waiting.isRedraw);
    if (at < 0) return undefined;
    this.#redraws--;
    return this.#waiting.splice(at, 1)[0];
  }

  /** Turns that were drawn before have other due times. */
  reschedule(move: (dueNs: number) => number): void {
    for (const [at, waiting] of this.#waiting.entries()) {
      if (!waiting.isRedraw) continue;
      this.#waiting[at] = { ...waiting, credit: { ...waiting.credit, dueNs: move(waiting.credit.dueNs) } };
    }
  }

  /** Ends sessions: all, or only those whose next turn has not been drawn yet. Returns what they were waiting for. */
  end(which: "all" | "undrawn"): readonly WaitingTurn[] {
    const ended = this.#waiting.filter((waiting) => which === "all" || !waiting.isRedraw);
    const kept = this.#waiting.filter((waiting) => which !== "all" && waiting.isRedraw);
    this.#waiting.length = 0;
    this.#waiting.push(...kept);
    this.#redraws = kept.length;
    return ended;
  }
}
