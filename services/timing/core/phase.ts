import type { Credit } from "../../common/credits.ts";
import type { Draft } from "./ledger.ts";
import type { Pacer } from "./pacers/pacer.ts";
import { PlaceQueue } from "./place-queue.ts";
import type { Ramp } from "./ramp.ts";
import { type SessionBranches, SessionTrees } from "./session-trees.ts";
import type { WaitingTurn } from "./sessions.ts";

/** A conversation to be played as one session. */
export interface ConversationDraw {
  /** Index into the dataset. */
  readonly conversation: number;
  readonly turns: number;
  /** Default true. Requests that do not count use up no `requestCount`. */
  readonly countsTowardTarget?: boolean;
}

/** A turn that is drawn for the first time. */
export interface TurnDraw {
  /** Of that session. */
  readonly conversation: number;
  readonly turn: number;
  /** Ordinals within the phase: of its session, or of the one whose target it shares, and of the draw. */
  readonly session: number;
  readonly index: number;
}

/** What may differ from turn to turn. */
export interface TurnOptions {
  readonly cancelAfterNs?: number | undefined;
  readonly targetIndex?: number;
  readonly maxOutputTokensOverride?: number | undefined;
}

/** What the requests of a phase are. */
export interface Conversations {
  /** The n-th session of the phase (n = 0, 1, 2…, asked in order, once each); undefined = there are no more. */
  readonly draw: (session: number) => ConversationDraw | undefined;
  /** Whether any conversation has more than one turn. */
  readonly isMultiTurn: boolean;
  /** What a turn is drawn as depends on how many are out: in a closed loop nothing is drawn before it has its slot. Default: false. */
  readonly isByLoad?: boolean;
  /** How long a turn waits after the previous one came back, or what else it waited for. Default: not at all. */
  readonly delayNs?: (conversation: number, turn: number, session?: number) => number;
  /** Absent: no conversation begins others. */
  readonly branches?: SessionBranches | undefined;
  /** Asked once for each turn that is drawn for the first time. Default: no options. */
  readonly turn?: (draw: TurnDraw) => TurnOptions;
}

/**
 * What holds a place: a session from its first turn to its last, delays included, or a request while it is out, so that a session
 * between two turns leaves its place to others.
 */
export type PlaceHolder = "session" | "request";

/**
 * How requests are paced.
 * - closed: as many at once as `concurrency` says of what `unit` names.
 * - open: at the times that the pacer gives, whatever the target does. Each arrival plays a waiting turn of a session if one is
 *   ready, else the first turn of a new session.
 * - ceiling: at the pacer's times while fewer than `concurrency` of what `unit` names are open, which may be Infinity where prefill slots alone
 *   bound it; otherwise the arrival waits for a place (`queue`) or is dropped and counted (`drop`).
 * - timetable: sessions begin at the pacer's times, the n-th drawn at its n-th; each later turn is due by itself, at `laterDueNs`, and
 *   takes no arrival from others. At most `concurrency` at once of what `unit` names, which may be Infinity; what is due without a
 *   place waits. It ends by itself where sessions do.
 */
export type Load =
  | { readonly kind: "closed"; readonly concurrency: number; readonly unit?: PlaceHolder }
  | { readonly kind: "open"; readonly pacer: Pacer }
  | {
      readonly kind: "ceiling";
      readonly pacer: Pacer;
      readonly concurrency: number;
      readonly unit?: PlaceHolder;
      readonly overload: "queue" | "drop";
    }
  | {
      readonly kind: "timetable";
      readonly pacer: Pacer;
      readonly laterDueNs: LaterDue;
      readonly concurrency: number;
      readonly unit?: PlaceHolder;
    };

/**
 * When the turn after one that has returned is due, ns of timing's clock; not before `returnedNs`. `startNs`: of the phase, moved by as much as its schedule has stood still.
 */
export type LaterDue = (
  previous: Pick<Credit, "conversation" | "turn" | "dueNs">,
  times: { readonly startNs: number; readonly returnedNs: number },
) => number;

/** What holds a place under this load; a session where the load says nothing. */
export function placeHolderOf(load: Load): PlaceHolder {
  return load.kind === "open" ? "session" : (load.unit ?? "session");
}

/** Whether a place is a connection for as long as it is held: no session keeps one while it waits for its next turn. */
export function isPlaceConnection({ load, conversations }: Pick<PhaseSpec, "load" | "conversations">): boolean {
  if (placeHolderOf(load) === "request" || !conversations.isMultiTurn) return true;
  return load.kind === "closed" && conversations.delayNs === undefined;
}

/**
 * Whether workers get credits ahead of their due times and pace them: where nothing that all workers share has to be free when one is
 * sent.
 */
export function isIssuedAhead({ load, prefill }: Pick<PhaseSpec, "load" | "prefill">): boolean {
  if (load.kind === "open") return true;
  return load.kind === "timetable" && load.concurrency === Number.POSITIVE_INFINITY && prefill === undefined;
}

/** When a phase stops drawing; at least one but under a timetable, the first that is reached holds. */
export interface StopConditions {
  readonly requestCount?: number;
  readonly sessionCount?: number;
  readonly durationNs?: number;
}

export interface PhaseSpec {
  /** Position in the run, from 0. */
  readonly index: number;
  /** As the user calls it. */
  readonly name: string;
  readonly kind: "warmup" | "profiling";
  readonly load: Load;
  /** How many requests of a closed loop or below a ceiling may wait for their first token at once; absent: any number. */
  readonly prefill?: number;
  /** How limits get to their values from the start of the phase on; one of rate is in the pacer. Absent: they have them at once. */
  readonly ramps?: { readonly concurrency?: Ramp; readonly prefill?: Ramp };
  readonly stop: StopConditions;
  /**
   * How long requests in flight may go on before they are cancelled: after a stop, else after sending complete, but not before the duration
   * is over where there is one. May be Infinity.
   */
  readonly graceNs: number;
  /** The next phase may begin when this one is sent, while its requests are in flight; they keep their slots. Default: when all came back. */
  readonly isSeamless?: boolean;
  readonly conversations: Conversations;
}

/**
 * Where a phase is.
 * - issuing: drawing and issuing.
 * - stopped: draws nothing more; what workers hold unsent is being called back.
 * - sent: sending complete. Nothing left to draw, and every worker has said that it holds nothing unsent.
 * - cancelled: the grace is over; requests in flight are being ended.
 * - returned: returning complete. Every credit came back or is lost; the account is final.
 */
export type PhaseStage = "issuing" | "stopped" | "sent" | "cancelled" | "returned";

/** From a due time to the one that it has after a change of the schedule. */
export type Reschedule = (dueNs: number) => number;

/** What a phase has drawn and may still draw. */
export class PhaseDraws {
  readonly spec: PhaseSpec;
  readonly startNs: number;
  /** Of sessions that begin others; undefined: none does. */
  readonly trees: SessionTrees | undefined;
  readonly #pacer: Pacer | undefined;
  readonly #redraws: Draft[] = [];
  #redrawsFrom = 0;
  #dueNs = Number.POSITIVE_INFINITY;
  /** How long the schedule has stood still. */
  #heldNs = 0;
  #index = 0;
  #sessions = 0;
  #sessionIds = 0;
  #counted = 0;
  /** Begun together with the session that was drawn last. */
  #begun: Credit[] = [];
  #next: ConversationDraw | undefined;
  #isExhausted = false;
  #isStopped = false;
  /** Turns of sessions that ended early, not by a stop. */
  abandonedTurns = 0;
  abandonedSessions = 0;
  /** Requests that were drawn after they had waited for a place under the ceiling. */
  queued = 0;
  /** Arrivals that find no place. */
  readonly #queue = new PlaceQueue();

  constructor(spec: PhaseSpec, startNs: number) {
    this.spec = spec;
    this.startNs = startNs;
    const { branches } = spec.conversations;
    this.trees = branches && new SessionTrees(branches, spec.index, () => this.#sessionIds++);
    this.#pacer = spec.load.kind === "closed" ? undefined : spec.load.pacer;
    if (this.#pacer !== undefined) this.#dueNs = startNs + this.#pacer.nextDueNs();
  }

  /** When the next arrival that has not been drawn is due; 0 in a closed loop, Infinity when the schedule is over. */
  get nextDueNs(): number {
    return this.#pacer === undefined ? 0 : this.#dueNs;
  }

  /** As `nextDueNs`, of those that are to be drawn again, too. */
  get nextDrawNs(): number {
    return this.#redraws[this.#redrawsFrom]?.dueNs ?? this.nextDueNs;
  }

  /** Whether its schedule has a rate that can be changed. */
  get hasRate(): boolean {
    return this.#pacer?.setRate !== undefined;
  }

  /** Requests per second that its schedule asks for; undefined: it has no rate, or draws nothing more. */
  rateAt(now: number): number | undefined {
    if (this.#isStopped || this.nextDueNs === Number.POSITIVE_INFINITY) return undefined;
    return this.#pacer?.rateAt?.(Math.max(0, now - this.startNs - this.#heldNs));
  }

  /** How many requests the count still allows; Infinity without a count. */
  get budget(): number {
    return (this.spec.stop.requestCount ?? Number.POSITIVE_INFINITY) - this.#counted;
  }

  /** How many first turns may still be drawn, those given back included; Infinity without a count. */
  get firstTurnsLeft(): number {
    return this.redrawCount + this.#freshLeft();
  }

  /** Sessions drawn so far. */
  get sessions(): number {
    return this.#sessions;
  }

  get redrawCount(): number {
    return this.#redraws.length - this.#redrawsFrom;
  }

  /** Nothing is drawn any more, and nothing that comes back is drawn again. */
  stop(): void {
    this.#isStopped = true;
    this.#redraws.length = 0;
    this.#redrawsFrom = 0;
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** Whether a session may still play its next turn: neither stopped nor the count used up nor, where turns take arrivals, the last gone. */
  get canContinue(): boolean {
    return !this.#isStopped && this.budget > 0 && (this.#hasTimetable || this.nextDueNs !== Number.POSITIVE_INFINITY);
  }

  /** Whether a turn that waits may be drawn by `time`. */
  canContinueBy(time: number): boolean {
    return this.canContinue && (this.#hasTimetable || this.nextDueNs <= time);
  }

  /** When the turn after one that has returned now may be drawn. */
  readyNs(previous: Credit, now: number): number {
    const { load, conversations } = this.spec;
    if (load.kind === "timetable") return load.laterDueNs(previous, { startNs: this.startNs + this.#heldNs, returnedNs: now });
    return now + (conversations.delayNs?.(previous.conversation, previous.turn + 1, previous.sessionId) ?? 0);
  }

  /**
   * The first turn of the next session, redraws before new ones; undefined when none is left, none has a place or, with a pacer, none
   * is due by `time`. Not to be asked where `isSilentNext`.
   */
  firstTurn(time: number): Draft | undefined {
    if (this.redrawCount > 0) return this.nextDrawNs <= time ? this.#takeRedraw() : undefined;
    if (!this.#mayBegin(time)) return undefined;
    const { draw, sessionId, dueNs } = this.#beginNext();
    return this.#draft({ ...draw, turn: 0, sessionId }, dueNs, this.#queue.held(dueNs));
  }

  /** Whether the next session that may begin by `time` is one whose turns send nothing. */
  isSilentNext(time: number): boolean {
    const { trees } = this;
    if (trees === undefined || this.redrawCount > 0 || !this.#mayBegin(time)) return false;
    return trees.isSilent((this.#next as ConversationDraw).conversation);
  }

  /** Begins that session, which uses its arrival up all the same; what it waits for, from `now` or the arrival on. */
  silentSession(now: number): WaitingTurn {
    const { draw, sessionId, dueNs } = this.#beginNext();
    const before = { phase: this.spec.index, ...draw, turn: -1, sessionId, countsTowardTarget: true };
    const credit = { ...before, id: 0, dueNs: Number.NEGATIVE_INFINITY, targetIndex: 0, index: 0 };
    return this.waitingAfter(credit, Math.max(now, dueNs));
  }

  /** The sessions that began together with the one drawn last, as turns before first ones; once. */
  takeBegun(): readonly Credit[] {
    const begun = this.#begun;
    this.#begun = [];
    return begun;
  }

  /** What may be played after a turn has come back or, where nothing is to be waited for any more, later. */
  waitingAfter(previous: Credit, now: number): WaitingTurn {
    const isSilent = this.trees?.isSilent(previous.conversation) ?? false;
    return { readyNs: this.readyNs(previous, now), credit: previous, isRedraw: false, isSilent };
  }

  /**
   * The turn after the given one, which is ready at `readyNs`. In a paced phase it takes an arrival, under a timetable it is due by
   * itself, and `hasWaited` says whether for a place. Undefined when the count is used up or no arrival is due by `time`.
   */
  nextTurn(previous: Credit, { readyNs, hasWaited }: ReadyTurn, time: number): Draft | undefined {
    if (!this.canContinueBy(time)) return undefined;
    const turn = { ...previous, turn: previous.turn + 1 };
    if (this.#hasTimetable) return this.#draft(turn, readyNs, hasWaited);
    const dueNs = this.#takeDue();
    return this.#draft(turn, dueNs, this.#queue.held(dueNs));
  }

  /** A first turn came back unused and is to be drawn again. */
  redraw(credit: Credit): void {
    if (this.#isStopped) return;
    let at = this.#redraws.length;
    while (at > this.#redrawsFrom && (this.#redraws[at - 1] as Draft).dueNs > credit.dueNs) at--;
    this.#redraws.splice(at, 0, { ...credit });
  }

  /** From `now` on the schedule goes by another rate. Says what becomes of due times after that, for those that are out. */
  setRate(ratePerSec: number, now: number): Reschedule {
    const zeroNs = this.startNs + this.#heldNs;
    const move = this.#pacer?.setRate?.(ratePerSec, Math.max(0, now - zeroNs));
    return this.#moved((dueNs) => (move === undefined ? dueNs : zeroNs + move(dueNs - zeroNs)));
  }

  /** The schedule has stood still for this time: what was due after its begin is due as much later. */
  hold(fromNs: number, untilNs: number): Reschedule {
    const heldNs = untilNs - fromNs;
    this.#heldNs += heldNs;
    return this.#moved((dueNs) => (dueNs <= fromNs ? dueNs : dueNs + heldNs));
  }

  #moved(move: Reschedule): Reschedule {
    if (Number.isFinite(this.#dueNs)) this.#dueNs = move(this.#dueNs);
    for (let at = this.#redrawsFrom; at < this.#redraws.length; at++) {
      const draft = this.#redraws[at] as Draft;
      this.#redraws[at] = { ...draft, dueNs: move(draft.dueNs) };
    }
    return move;
  }

  /** An arrival that was due passes without a request. Returns false when nothing fresh is left. */
  skipArrival(): boolean {
    if (this.#freshLeft() <= 0) return false;
    this.#next = undefined;
    this.#sessions++;
    this.#sessionIds++;
    this.#counted++;
    this.#index++;
    this.#takeDue();
    return true;
  }

  /** Nobody has a place for another session: whatever is due by `now` waits. */
  queueUntil(now: number): void {
    this.#queue.close(this.nextDueNs, now);
  }

  /** Places may have become free. */
  leaveQueue(now: number): void {
    this.#queue.open(this.nextDueNs, now);
  }

  /** Arrivals due before this time pass unused: there was nothing to send, neither a turn that was ready nor a new session. */
  passArrivals(beforeNs: number): void {
    while (this.nextDueNs < beforeNs) this.#takeDue();
  }

  /** `sessions` ended early with so many turns unplayed, of which `drawn` had used up count and never will be sent. */
  abandon(turns: number, drawn: number, sessions = 1): void {
    if (this.#isStopped) return;
    this.abandonedTurns += turns;
    this.abandonedSessions += sessions;
    this.#counted -= drawn;
  }

  get #hasTimetable(): boolean {
    return this.spec.load.kind === "timetable";
  }

  #freshLeft(): number {
    if (this.#isStopped || this.nextDueNs === Number.POSITIVE_INFINITY) return 0;
    const sessions = (this.spec.stop.sessionCount ?? Number.POSITIVE_INFINITY) - this.#sessions;
    const left = Math.min(sessions, this.budget);
    if (left <= 0 || !this.#peek()) return 0;
    return left;
  }

  #peek(): boolean {
    if (this.#next !== undefined) return true;
    if (this.#isExhausted) return false;
    this.#next = this.spec.conversations.draw(this.#sessions);
    this.#isExhausted = this.#next === undefined;
    return !this.#isExhausted;
  }

  #mayBegin(time: number): boolean {
    return this.#freshLeft() > 0 && this.nextDueNs <= time && this.trees?.isFull !== true;
  }

  /** Draws the session that may begin. */
  #beginNext(): { readonly draw: ConversationDraw; readonly sessionId: number; readonly dueNs: number } {
    const draw = this.#next as ConversationDraw;
    this.#next = undefined;
    this.#sessions++;
    const sessionId = this.#sessionIds++;
    this.#begun = this.trees?.begin(draw.conversation, draw.turns, sessionId) ?? this.#begun;
    return { draw, sessionId, dueNs: this.#takeDue() };
  }

  #takeRedraw(): Draft {
    const draft = this.#redraws[this.#redrawsFrom++] as Draft;
    if (this.#redrawsFrom === this.#redraws.length) {
      this.#redraws.length = 0;
      this.#redrawsFrom = 0;
    }
    return draft;
  }

  #takeDue(): number {
    const dueNs = this.nextDueNs;
    if (this.#pacer !== undefined) this.#dueNs = this.startNs + this.#heldNs + this.#pacer.nextDueNs();
    return dueNs;
  }

  #draft(of: ConversationDraw & SessionTurn, dueNs: number, hasWaited: boolean): Draft {
    const index = this.#index++;
    const countsTowardTarget = of.countsTowardTarget ?? true;
    if (countsTowardTarget) this.#counted++;
    if (hasWaited) this.queued++;
    const home = this.trees?.homeOf(of.sessionId);
    const options = this.spec.conversations.turn?.({
      conversation: home?.conversation ?? of.conversation,
      turn: of.turn,
      session: home?.session ?? of.sessionId,
      index,
    });
    return {
      id: 0,
      phase: this.spec.index,
      conversation: of.conversation,
      turn: of.turn,
      turns: of.turns,
      sessionId: of.sessionId,
      countsTowardTarget,
      dueNs,
      targetIndex: options?.targetIndex ?? 0,
      index,
      parentSession: of.parentSession,
      rootSession: of.rootSession,
      agentDepth: of.agentDepth,
      forkedAt: of.turn === 0 ? of.forkedAt : undefined,
      forks: this.trees?.forksAfter(of.conversation, of.turn) || undefined,
      cancelAfterNs: options?.cancelAfterNs,
      maxOutputTokensOverride: options?.maxOutputTokensOverride,
    };
  }
}

/** When a turn that waited for its own time became ready, and whether it waited for a place then. */
export interface ReadyTurn {
  readonly readyNs: number;
  readonly hasWaited: boolean;
}

/** What a draft takes from its session. */
type SessionTurn = Pick<Credit, "turn" | "sessionId"> &
  Partial<Pick<Credit, "parentSession" | "rootSession" | "agentDepth" | "forkedAt">>;
