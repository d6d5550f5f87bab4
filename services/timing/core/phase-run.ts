import type { Credit } from "../../common/credits.ts";
import { AssayError } from "../../common/errors.ts";
import { PhaseDraws, type PhaseSpec, type PhaseStage, type Reschedule } from "./phase.ts";
import { PrefillSlots } from "./prefill-slots.ts";
import { nextLevelNs, type Ramp, rampLevel } from "./ramp.ts";

/** A worker that has not answered a stop, or not returned after a cancel, for so long is got rid of. */
const ANSWER_NS = 2e9;

/** What a phase's next step depends on. */
export interface PhaseFacts {
  /** Nothing is left to draw, and nothing in flight can lead to a further draw. */
  readonly isDrawnOut: boolean;
  /** Every worker that is not lost has said that it holds nothing unsent. */
  readonly allHoldNothing: boolean;
  /** Credits of the phase that are out. */
  readonly issued: number;
}

/** What is to be done now. */
export type PhaseStep =
  | { readonly kind: "stop"; readonly reason: string }
  | { readonly kind: "sending_complete" }
  | { readonly kind: "cancel"; readonly reason: string }
  /** Get rid of the workers that hold something unsent. */
  | { readonly kind: "shun_holders" }
  /** Get rid of the workers that have credits out. */
  | { readonly kind: "shun_busy" }
  | { readonly kind: "returning_complete" };

/** One phase under way: its stage, and the deadlines that move it on. Stages: see `PhaseStage`. */
export class PhaseRun {
  readonly spec: PhaseSpec;
  readonly draws: PhaseDraws;
  readonly prefill: PrefillSlots | undefined;
  #ramps: { readonly concurrency?: Ramp | undefined; readonly prefill?: Ramp | undefined };
  #pausedNs: number | undefined;
  #sentNs = Number.POSITIVE_INFINITY;
  #cancelAtNs = Number.POSITIVE_INFINITY;
  /** By when workers have answered the stop, and the cancel; Infinity: nobody has been told of one. */
  #stopAnsweredByNs = Number.POSITIVE_INFINITY;
  #cancelAnsweredByNs = Number.POSITIVE_INFINITY;
  #isReturned = false;
  /** Why it stopped; undefined while it has not, or when nothing is left to draw. */
  stopReason: string | undefined;
  #cancelReason = "grace period over";

  /** `prefill`: the slots of the run, which take the phase's limit. */
  constructor(spec: PhaseSpec, now: number, prefill = new PrefillSlots(Number.POSITIVE_INFINITY)) {
    const { requestCount, sessionCount, durationNs } = spec.stop;
    const isEnding = requestCount !== undefined || sessionCount !== undefined || durationNs !== undefined;
    if (!isEnding && spec.load.kind !== "timetable") {
      throw new AssayError("invalid_argument", `phase ${spec.name}: a stop condition is needed`);
    }
    this.spec = spec;
    this.draws = new PhaseDraws(spec, now);
    this.#ramps = spec.ramps ?? {};
    prefill.limit = spec.prefill ?? Number.POSITIVE_INFINITY;
    this.prefill = spec.prefill === undefined ? undefined : prefill;
  }

  /** The concurrency that a ramp has reached, undefined where none goes on. Prefill slots follow theirs. */
  followRamps(now: number): number | undefined {
    const { concurrency, prefill } = this.#ramps;
    const sinceNs = now - this.draws.startNs;
    if (prefill !== undefined && this.prefill !== undefined) this.prefill.limit = rampLevel(prefill, sinceNs);
    return concurrency && rampLevel(concurrency, sinceNs);
  }

  /** Nothing is issued, and the schedule stands still. */
  get isPaused(): boolean {
    return this.#pausedNs !== undefined;
  }

  /** Since when it is paused; `now` where it is not: from here on a change of the schedule counts. */
  scheduleNs(now: number): number {
    return this.#pausedNs ?? now;
  }

  /** When what follows a turn that has returned now is reckoned from: by a timetable that stands still, right after it stopped. */
  turnNs(now: number): number {
    return this.#pausedNs === undefined || this.spec.load.kind !== "timetable" ? now : this.#pausedNs + 1;
  }

  pause(now: number): void {
    this.#pausedNs ??= now;
  }

  /** The schedule goes on from where it stood. Says what becomes of due times. */
  resume(now: number): Reschedule {
    const move = this.draws.hold(this.#pausedNs ?? now, now);
    this.#pausedNs = undefined;
    return move;
  }

  /** Whoever sets a limit by hand ends its ramp. */
  endRamp(of: "concurrency" | "prefill"): void {
    this.#ramps = { ...this.#ramps, [of]: undefined };
  }

  /** Whether what comes back of it may lead to further turns, of its own session or of another one. */
  leadsOn({ turn, turns }: Pick<Credit, "turn" | "turns">): boolean {
    return turn + 1 < turns || this.draws.trees !== undefined;
  }

  get stage(): PhaseStage {
    if (this.#isReturned) return "returned";
    if (this.#isCancelled) return "cancelled";
    if (this.#sentNs < Number.POSITIVE_INFINITY) return "sent";
    return this.draws.isStopped ? "stopped" : "issuing";
  }

  get isSent(): boolean {
    return this.#sentNs < Number.POSITIVE_INFINITY;
  }

  /** The duration is over and the phase not stopped yet: nothing more may be issued. */
  isTimeUp(now: number): boolean {
    return now >= this.#endNs && !this.draws.isStopped && !this.isSent;
  }

  /** Draws nothing more, and ends what is in flight after `graceNs` (default: the spec's), or sooner where it was stopped before. */
  stop(now: number, graceNs = this.spec.graceNs): void {
    this.#cancelAtNs = Math.min(this.#cancelAtNs, now + graceNs);
    if (this.#stopAnsweredByNs < Number.POSITIVE_INFINITY) return;
    this.draws.stop();
    this.#stopAnsweredByNs = now + ANSWER_NS;
  }

  /** Timing stood still for so long: answers may lie unread. Whoever is asked later answers as fast as ever. */
  extendAnswers(stallNs: number): void {
    this.#stopAnsweredByNs += stallNs;
    this.#cancelAnsweredByNs += stallNs;
  }

  /** What is in flight ends now, for this reason. */
  endGrace(reason: string, now: number): void {
    this.#cancelAtNs = Math.min(this.#cancelAtNs, now);
    this.#cancelReason = reason;
  }

  /** The next step that is due, undefined when there is none; to be carried out and asked again. The phase has then taken it. */
  next(facts: PhaseFacts, now: number): PhaseStep | undefined {
    if (this.#isReturned) return undefined;
    if (this.isTimeUp(now)) return { kind: "stop", reason: "duration over" };
    if (!this.isSent && facts.allHoldNothing && (this.draws.isStopped || facts.isDrawnOut)) {
      this.#sentNs = now;
      const overNs = this.spec.stop.durationNs === undefined ? now : Math.max(now, this.#endNs);
      this.#cancelAtNs = Math.min(this.#cancelAtNs, overNs + this.spec.graceNs);
      return { kind: "sending_complete" };
    }
    if (this.isSent && facts.issued === 0) {
      this.#isReturned = true;
      return { kind: "returning_complete" };
    }
    if (!this.#isCancelled && now >= this.#cancelAtNs) {
      this.#cancelAnsweredByNs = now + ANSWER_NS;
      return { kind: "cancel", reason: this.#cancelReason };
    }
    if (!this.isSent && !facts.allHoldNothing && now >= this.#stopAnsweredByNs) return { kind: "shun_holders" };
    if (facts.issued > 0 && now >= this.#cancelAnsweredByNs) return { kind: "shun_busy" };
    return undefined;
  }

  /** The next time at which `next` may say something without anything having arrived; may be past. */
  nextWakeNs(now: number): number {
    const at = [this.draws.isStopped ? Number.POSITIVE_INFINITY : this.#endNs, this.#stopAnsweredByNs];
    at.push(this.#isCancelled ? this.#cancelAnsweredByNs : this.#cancelAtNs);
    const { concurrency, prefill } = this.#ramps;
    const { startNs } = this.draws;
    if (concurrency !== undefined) at.push(startNs + nextLevelNs(concurrency, now - startNs));
    if (prefill !== undefined) at.push(startNs + nextLevelNs(prefill, now - startNs));
    return at.reduce((soonest, time) => (time > now && time < soonest ? time : soonest), Number.POSITIVE_INFINITY);
  }

  get #isCancelled(): boolean {
    return this.#cancelAnsweredByNs < Number.POSITIVE_INFINITY;
  }

  get #endNs(): number {
    return this.draws.startNs + (this.spec.stop.durationNs ?? Number.POSITIVE_INFINITY);
  }
}
