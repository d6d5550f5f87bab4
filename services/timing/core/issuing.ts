import type { Credit } from "../../common/credits.ts";
import type { Draft } from "./ledger.ts";
import type { Member } from "./member.ts";
import { isIssuedAhead, type PhaseDraws, type PlaceHolder, placeHolderOf } from "./phase.ts";
import type { PrefillSlots } from "./prefill-slots.ts";
import { planStandby } from "./standby.ts";

/** What issuing needs; `issue` gives the draft to the member, which is among `members`. */
export interface IssuingContext {
  readonly draws: PhaseDraws;
  /** In the order in which they joined. */
  readonly members: readonly Member[];
  readonly prefill: PrefillSlots | undefined;
  readonly issue: (member: Member, draft: Draft) => void;
  readonly drop: () => void;
  /** A session began at the member together with another one; given as the turn before its first. */
  readonly begun: (member: Member, child: Credit) => void;
  /** How far ahead of its due time a credit of an open loop is issued, ns. */
  readonly horizonNs: number;
  /** There are several targets: each worker is to meet all of them. */
  readonly hasTargets: boolean;
}

/** Issues everything that may be issued now. */
export function issueDue(context: IssuingContext, now: number): void {
  const { load } = context.draws.spec;
  if (load.kind !== "closed" && load.kind !== "timetable" && context.draws.firstTurnsLeft === 0) passArrivals(context, now);
  switch (load.kind) {
    case "closed":
      continueSessions(context, now);
      fillFreeSlots(context, now);
      if (hasStandby(context)) issueStandby(context, now);
      return;
    case "ceiling":
      context.draws.leaveQueue(now);
      continueSessions(context, now);
      fillFreeSlots(context, now);
      if (load.overload === "drop") dropOverdue(context, now);
      else context.draws.queueUntil(now);
      return;
    case "timetable":
      if (isIssuedAhead(context.draws.spec)) issueTimetable(context, now);
      else {
        context.draws.leaveQueue(now);
        for (const { waiting, queue } of context.members) queue.open(waiting.nextReadyNs, now);
        continueSessions(context, now);
        fillFreeSlots(context, now);
        context.draws.queueUntil(now);
        for (const { isReachable, waiting, queue } of context.members) if (isReachable) queue.close(waiting.nextReadyNs, now);
      }
      return;
    case "open":
      issueAhead(context, now);
      return;
  }
}

/**
 * A session that holds its place needs its next turn in it; a prefill slot is free or not at the moment of issuing; by load a draw
 * is as good as it is late.
 */
function hasStandby({ draws, prefill }: IssuingContext): boolean {
  const { isMultiTurn, isByLoad = false } = draws.spec.conversations;
  // A session that sends nothing is in no queue, so that any number would be drawn for one.
  if (draws.trees !== undefined) return false;
  const isPlaceFree = !isMultiTurn || placeHolderOf(draws.spec.load) === "request";
  return isPlaceFree && !isByLoad && prefill === undefined;
}

/**
 * Turns that wait on a worker with a free slot. A worker without one gets nothing, so that nothing is passed to and fro; but where
 * it holds standby credits, turns that are ready wait with these and are sent before them.
 */
function continueSessions(context: IssuingContext, now: number): void {
  const { load } = context.draws.spec;
  const isAhead = load.kind === "closed" && placeHolderOf(load) === "request" && hasStandby(context);
  for (const member of context.members) {
    if (!member.isReachable || member.waiting.count === 0) continue;
    const most = member.limit === 0 || !isAhead ? member.limit : member.limit + 2 * member.standby.size(member.limit);
    while (member.issued < most && hasPrefill(context)) {
      const draft = redrawnTurn(member) ?? nextReadyTurn(context.draws, member, now);
      if (draft === undefined) break;
      context.issue(member, draft);
    }
  }
}

function redrawnTurn(member: Member): Draft | undefined {
  if (!member.isReachable || member.waiting.redrawCount === 0) return undefined;
  const waiting = member.waiting.takeRedraw();
  return waiting && { ...waiting.credit };
}

/** The earliest turn that is ready by `time`, if it may be drawn by then. */
function nextReadyTurn(draws: PhaseDraws, member: Member, time: number): Draft | undefined {
  if (!draws.canContinueBy(time)) return undefined;
  const waiting = member.waiting.takeReady(time);
  if (waiting === undefined) return undefined;
  const { credit, readyNs } = waiting;
  return draws.nextTurn(credit, { readyNs, hasWaited: member.queue.held(readyNs) }, time);
}

function fillFreeSlots(context: IssuingContext, now: number): void {
  const freeOf = freeShareBy(placeHolderOf(context.draws.spec.load));
  while (hasPrefill(context)) {
    const member = freest(context.members, freeOf);
    if (member === undefined || freeOf(member) <= 0 || !beginSession(context, member, { freeOf, time: now, now })) return;
  }
}

interface Beginning {
  readonly freeOf: Freedom;
  /** Sessions due by then may begin. */
  readonly time: number;
  readonly now: number;
}

/** Begins the next session at a member, or at one that is as free; false when none may begin. */
function beginSession(context: IssuingContext, member: Member, { freeOf, time, now }: Beginning): boolean {
  const { draws, issue, begun } = context;
  let at = member;
  if (draws.isSilentNext(time)) member.waiting.add(draws.silentSession(now));
  else {
    const draft = draws.firstTurn(time);
    if (draft === undefined) return false;
    at = leastMet(context, member, draft, freeOf);
    issue(at, draft);
  }
  if (draws.trees !== undefined) for (const child of draws.takeBegun()) begun(at, child);
  return true;
}

/** How free a worker is, as far as that matters for who gets the next credit. */
type Freedom = (member: Member) => number;

/** The share of its slots that is free. */
function freeShareBy(by: PlaceHolder): Freedom {
  return (member) => (member.limit - member.occupancy(by)) / member.limit;
}

/** The more, the fewer credits it has out. */
const byFewest: Freedom = ({ issued }) => -issued;

/** The freest of the workers that can be reached and have slots; of several the first. */
function freest(members: readonly Member[], freeOf: Freedom): Member | undefined {
  let best: Member | undefined;
  let most = Number.NEGATIVE_INFINITY;
  for (const member of members) {
    if (!member.isReachable || member.limit === 0) continue;
    const free = freeOf(member);
    if (free <= most) continue;
    best = member;
    most = free;
  }
  return best;
}

/** Of the workers that are as free as this one, the one that has met the draft's target least. */
function leastMet({ members, hasTargets }: IssuingContext, freest: Member, { targetIndex }: Draft, freeOf: Freedom): Member {
  if (!hasTargets) return freest;
  const free = freeOf(freest);
  let best = freest;
  for (const member of members) {
    if (!member.isReachable || member.limit === 0 || freeOf(member) !== free) continue;
    if (member.metTargets.shareOf(targetIndex) < best.metTargets.shareOf(targetIndex)) best = member;
  }
  return best;
}

/** Only when every free slot has been filled and there is still something to draw. */
function issueStandby(context: IssuingContext, now: number): void {
  const { draws } = context;
  const members = context.members.filter((member) => member.isReachable && member.limit > 0);
  const undrawn = draws.firstTurnsLeft;
  if (undrawn === 0 || members.length === 0) return;
  const plan = planStandby(
    members.map(({ limit, issued, standby }) => ({ limit, issued, standby: standby.size(limit) })),
    undrawn,
  );
  for (const [i, member] of members.entries()) {
    for (let n = plan[i] as number; n > 0; n--) {
      const draft = draws.firstTurn(now);
      if (draft === undefined) return;
      context.issue(member, draft);
    }
  }
}

/** Arrivals that no place was free for leave the schedule, counted. */
function dropOverdue(context: IssuingContext, now: number): void {
  while (context.draws.nextDueNs <= now && context.draws.redrawCount === 0) {
    if (!context.draws.skipArrival()) return;
    context.drop();
  }
}

/** With no session left to begin, arrivals before the earliest waiting turn is ready have nothing to send. */
function passArrivals({ draws, members }: IssuingContext, now: number): void {
  let beforeNs = now;
  for (const { waiting } of members) beforeNs = Math.min(beforeNs, waiting.nextReadyNs);
  draws.passArrivals(beforeNs);
}

/** Everything due within the horizon, to the worker with the fewest credits out; with no worker to be reached it waits, and goes out late. */
function issueAhead(context: IssuingContext, now: number): void {
  const { draws } = context;
  const until = Math.min(now + context.horizonNs, lastDueNs(draws));
  for (const member of context.members) {
    for (let draft = redrawnTurn(member); draft !== undefined; draft = redrawnTurn(member)) context.issue(member, draft);
  }
  for (;;) {
    if (draws.nextDrawNs > until) return;
    const playing = draws.redrawCount === 0 ? earliestWaiting(context.members) : undefined;
    const next = playing && nextReadyTurn(draws, playing, draws.nextDueNs);
    if (playing !== undefined && next !== undefined) {
      context.issue(playing, next);
      continue;
    }
    const member = freest(context.members, byFewest);
    if (member === undefined || !beginSession(context, member, { freeOf: byFewest, time: until, now })) return;
  }
}

/** Sessions and later turns due within the horizon, each for itself: a turn to the worker of its session. */
function issueTimetable(context: IssuingContext, now: number): void {
  const { draws, members, issue } = context;
  const until = Math.min(now + context.horizonNs, lastDueNs(draws));
  for (const member of members) {
    if (!member.isReachable || member.waiting.count === 0) continue;
    for (;;) {
      const draft = redrawnTurn(member) ?? nextReadyTurn(draws, member, until);
      if (draft === undefined) break;
      issue(member, draft);
    }
  }
  for (;;) {
    const member = freest(members, byFewest);
    if (member === undefined || !beginSession(context, member, { freeOf: byFewest, time: until, now })) return;
  }
}

/** The last moment at which an arrival still belongs to the phase. */
function lastDueNs(draws: PhaseDraws): number {
  // Half a nanosecond: what is due exactly at the end is outside.
  return draws.startNs + (draws.spec.stop.durationNs ?? Number.POSITIVE_INFINITY) - 0.5;
}

function earliestWaiting(members: readonly Member[]): Member | undefined {
  let best: Member | undefined;
  for (const member of members) {
    if (!member.isReachable || member.waiting.count === 0) continue;
    if (best === undefined || member.waiting.nextReadyNs < best.waiting.nextReadyNs) best = member;
  }
  return best;
}

function hasPrefill(context: IssuingContext): boolean {
  return context.prefill?.hasFree ?? true;
}
