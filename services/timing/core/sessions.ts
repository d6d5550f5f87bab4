import type { Credit } from "../../common/credits.ts";
import { EarliestFirst } from "./earliest-first.ts";

/** A turn above 0 that its worker may play next. */
export interface WaitingTurn {
  /** Not before this time: the turn's delay after the previous one. */
  readonly readyNs: number;
  /** The credit to draw again if `isRedraw`, otherwise the one of the previous turn. */
  readonly credit: Credit;
  readonly isRedraw: boolean;
  /** The turn sends nothing. Absent: it does. */
  readonly isSilent?: boolean;
}

/**
 * The sessions of one worker incarnation that wait between two turns, earliest first. A session is played on the worker that has
 * its history and nowhere else, and only after the turn before was sent.
 */
export class WaitingSessions {
  readonly #undrawn = new EarliestFirst<WaitingTurn>();
  /** Those whose turn was drawn before and came back unused. */
  readonly #redraws = new EarliestFirst<WaitingTurn>();
  readonly #silent = new EarliestFirst<WaitingTurn>();

  get count(): number {
    return this.#undrawn.size + this.#redraws.size + this.#silent.size;
  }

  /** Those whose turn sends nothing. */
  get silentCount(): number {
    return this.#silent.size;
  }

  /** Those whose turn was drawn before and came back unused. */
  get redrawCount(): number {
    return this.#redraws.size;
  }

  /** When the earliest that sends something is ready; Infinity when none waits. */
  get nextReadyNs(): number {
    return Math.min(this.#undrawn.nextAt, this.#redraws.nextAt);
  }

  /** As `nextReadyNs`, of those that send nothing. */
  get nextSilentNs(): number {
    return this.#silent.nextAt;
  }

  add(waiting: WaitingTurn): void {
    const queue = waiting.isSilent === true ? this.#silent : waiting.isRedraw ? this.#redraws : this.#undrawn;
    queue.add(waiting, waiting.readyNs);
  }

  /** Takes the earliest that sends nothing if it is ready by `time`. */
  takeSilent(time: number): WaitingTurn | undefined {
    return this.nextSilentNs <= time ? this.#silent.take() : undefined;
  }

  /** Takes the earliest that sends something if it is ready by `time`; of several at one time those that were drawn before. */
  takeReady(time: number): WaitingTurn | undefined {
    if (this.nextReadyNs > time) return undefined;
    return (this.#redraws.nextAt <= this.#undrawn.nextAt ? this.#redraws : this.#undrawn).take();
  }

  /** Takes a turn that was drawn before; it is never waited for. */
  takeRedraw(): WaitingTurn | undefined {
    return this.#redraws.take();
  }

  /**
   * Turns that were drawn before have other due times. `hasTimetable`: so have those that were not, each of which is due by itself; elsewhere
   * a turn is ready when its pause is over, whatever the schedule does.
   */
  reschedule(move: (dueNs: number) => number, hasTimetable: boolean): void {
    if (hasTimetable) {
      const moved = (waiting: WaitingTurn): WaitingTurn => ({ ...waiting, readyNs: move(waiting.readyNs) });
      for (const queue of [this.#undrawn, this.#silent]) queue.replaceAll(moved, move);
    }
    this.#redraws.replaceAll((waiting) => ({
      ...waiting,
      credit: { ...waiting.credit, dueNs: move(waiting.credit.dueNs) },
    }));
  }

  /** Ends sessions: all, or only those whose next turn has not been drawn yet. Returns what they were waiting for, in no order. */
  end(which: "all" | "undrawn"): readonly WaitingTurn[] {
    const ended = [...this.#undrawn.takeAll(), ...this.#silent.takeAll()];
    return which === "all" ? [...ended, ...this.#redraws.takeAll()] : ended;
  }
}
