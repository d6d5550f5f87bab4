/** What follows for sessions when a turn of theirs has come back, or their worker can play no more of them. Pure. */
import type { Credit } from "../../common/credits.ts";
import type { Member } from "./member.ts";
import type { PhaseDraws } from "./phase.ts";

/** A worker in the phase that issues. */
export interface Playing {
  readonly draws: PhaseDraws;
  readonly member: Member;
  readonly now: number;
}

/** A turn that leads on was sent. `sessionOver`: the worker has no usable history for a further one. */
export function turnSent(playing: Playing, credit: Credit, sessionOver: boolean): void {
  const { draws, member, now } = playing;
  if (sessionOver || member.limit === 0) {
    endAfter(playing, credit);
    return;
  }
  if (draws.trees !== undefined) for (const previous of draws.trees.played(credit)) goOn(playing, previous);
  else if (draws.canContinue) member.waiting.add(draws.waitingAfter(credit, now));
}

/** A credit came back unused: it is to be drawn again, a turn that only this worker can play at this worker. */
export function givenBack(playing: Playing, credit: Credit): void {
  const { draws, member } = playing;
  if (draws.isStopped) return;
  if (credit.turn === 0 && credit.parentSession === undefined) draws.redraw(credit);
  else if (member.limit === 0) abandonRedraw(playing, credit);
  else member.waiting.add({ readyNs: 0, credit, isRedraw: true });
}

/** The turn after this one may be played at the worker, where its session is. */
export function goOn(playing: Playing, previous: Credit): void {
  const { draws, member, now } = playing;
  const hasPlace = !member.isLost && member.limit > 0;
  if (!hasPlace || !draws.canContinue) endSession(playing, { ...afterPlayed(previous), isWanted: !hasPlace });
  else member.waiting.add(draws.waitingAfter(previous, now));
}

/** The session of this turn ends with it, and begins nothing after it. */
export function endAfter(playing: Playing, credit: Credit): void {
  endSession(playing, { credit, unplayed: credit.turn + 1, unbegun: credit.turn });
}

/** Ends the sessions that wait at the worker, and those that only waited for them. */
export function endWaiting(playing: Playing, which: "all" | "undrawn"): void {
  const { waiting } = playing.member;
  for (let ended = waiting.end(which); ended.length > 0; ended = waiting.end(which)) {
    for (const { credit, isRedraw } of ended) {
      if (isRedraw) abandonRedraw(playing, credit);
      else endSession(playing, { ...afterPlayed(credit), isWanted: which === "all" });
    }
  }
}

/** Passes the turns at the worker that send nothing and are due. Returns whether there were any. */
export function passSilent(playing: Playing): boolean {
  const { draws, member, now } = playing;
  if (draws.trees === undefined) return false;
  let hasPassed = false;
  for (let silent = member.waiting.takeSilent(now); silent !== undefined; silent = member.waiting.takeSilent(now)) {
    hasPassed = true;
    for (const previous of draws.trees.played({ ...silent.credit, turn: silent.credit.turn + 1 })) goOn(playing, previous);
  }
  return hasPassed;
}

/** From where on a session does not go on. */
interface SessionEnd {
  readonly credit: Credit;
  /** The first turn that is not played. */
  readonly unplayed: number;
  /** The first turn after which nothing is begun. */
  readonly unbegun: number;
  /** Of its turns that have used up count and will not be sent. Default 0. */
  readonly drawn?: number;
  /** Without this end more would have been played. Default true; false when the count is used up. */
  readonly isWanted?: boolean;
}

/** The end of a session whose turn came back, and nothing after it is played. */
function afterPlayed(credit: Credit): SessionEnd {
  return { credit, unplayed: credit.turn + 1, unbegun: credit.turn + 1 };
}

function endSession(playing: Playing, { credit, unplayed, unbegun, drawn = 0, isWanted = true }: SessionEnd): void {
  const { draws } = playing;
  if (draws.trees === undefined) {
    if (isWanted && credit.turns > unplayed) draws.abandon(credit.turns - unplayed, drawn);
    return;
  }
  const { turns, sessions, released } = draws.trees.end(credit.sessionId, unplayed, unbegun);
  if (isWanted && sessions > 0) draws.abandon(turns, drawn, sessions);
  if (released !== undefined) goOn(playing, released);
}

function abandonRedraw(playing: Playing, credit: Credit): void {
  const { turn } = credit;
  endSession(playing, { credit, unplayed: turn, unbegun: turn, drawn: credit.countsTowardTarget ? 1 : 0 });
}
