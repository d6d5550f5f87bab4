/**
 * What timing thinks: who holds which credit, who may have how many requests in flight, what to issue next, and when a phase has
 * ended. Pure: the edge feeds it messages and the clock, and carries out what it says through `TimingOut` (`edge.ts`).
 *
 * Long, because it is one thing: whatever comes in, everything that it makes possible is done at once, in `#pump`.
 */
import type { Credit, CreditReturn, Envelope, Hello, Incarnation, RecallScope, WorkerMessage } from "../../common/credits.ts";
import { checkLeaseTerms, UNLIMITED_SLOTS } from "../../common/credits.ts";
import { AssayError } from "../../common/errors.ts";
import type { PhaseReport, PhaseStats, TimingCore, TimingOptions, TimingOut, TimingStats } from "./edge.ts";
import { issueDue } from "./issuing.ts";
import { type Draft, Ledger } from "./ledger.ts";
import { checkChange, type LoadChange } from "./load-change.ts";
import { Member } from "./member.ts";
import { isIssuedAhead, isPlaceConnection, type PhaseSpec, type PhaseStage, placeHolderOf, type Reschedule } from "./phase.ts";
import { PhaseRun, type PhaseStep } from "./phase-run.ts";
import { PrefillSlots } from "./prefill-slots.ts";
import { Recalls, wantRecall } from "./recalls.ts";
import { endAfter, endWaiting, givenBack, goOn, passSilent, turnSent } from "./session-flow.ts";
import { distributeSlots } from "./slots.ts";
import { type StreamId, WorkerLink } from "./worker-link.ts";

/** At least this often `advance` wants to be called, so that it notices its own stalls. */
const TICK_NS = 100e6;
/** A gap between two calls beyond this is a stall of timing, and no worker's fault. */
const STALL_NS = 200e6;
const MIN_HORIZON_NS = 250e6;
/** Workers have credits, turns and bodies of a schedule's first requests when those are due, where nothing goes on meanwhile. */
const START_LEAD_NS = 200e6;
/** A worker that comes, or comes back, takes no longer. */
const UNPLACED_NS = 1e9;

export function createTimingCore(options: TimingOptions, out: TimingOut): TimingCore {
  checkLeaseTerms(options.terms);
  return new Timing(options, out);
}

class Timing implements TimingCore {
  readonly #options: TimingOptions;
  readonly #out: TimingOut;
  readonly #ledger: Ledger;
  /** By worker id, in the order of joining. */
  readonly #members = new Map<string, Member>();
  readonly #streams = new Map<StreamId, Member>();
  readonly #lostIncarnations = new Set<Incarnation>();
  readonly #reapedWorkers = new Set<string>();
  readonly #stages = new Map<number, PhaseStage>();
  /** The one that began last: it alone issues. */
  #phase: PhaseRun | undefined;
  /** Phases before it that are sent and have not come back: seamless ones. */
  #finishing: PhaseRun[] = [];
  /** Of the run, not of a phase: what one phase has in prefill keeps its slots in the next one. */
  readonly #prefill = new PrefillSlots(Number.POSITIVE_INFINITY);
  #concurrency = 0;
  #horizonNs = MIN_HORIZON_NS;
  #lastAdvanceNs = -1;
  #lastCallNs = Number.POSITIVE_INFINITY;
  #needsSecondLook = false;
  readonly #recalls = new Recalls();
  #unplaced: { readonly sinceNs: number; isTold: boolean } | undefined;
  #lostWorkers = 0;
  #violations = 0;
  #now = 0;

  constructor(options: TimingOptions, out: TimingOut) {
    this.#options = options;
    this.#out = out;
    this.#ledger = new Ledger(options.loads);
  }

  helloReceived(streamId: StreamId, hello: Hello, now: number): void {
    this.#noticeStall(now);
    const refusal = this.#refusalOf(hello);
    if (refusal !== undefined) {
      this.#out.send(streamId, { seq: 0, ack: 0, body: { kind: "fenced", incarnation: hello.incarnation, reason: refusal } });
      this.#out.endStream(streamId, "failed_precondition", refusal);
      return;
    }
    const known = this.#members.get(hello.workerId);
    if (known !== undefined && known.link.incarnation !== hello.incarnation) this.#lose(known, "has a new incarnation", now);
    const member = this.#members.get(hello.workerId) ?? this.#join(hello, now);
    const oldStream = member.link.streamId;
    if (!member.link.helloReceived(streamId, hello, now)) {
      this.#out.endStream(streamId, "aborted", `dial ${hello.dial} of worker ${hello.workerId} was overtaken or is unwanted`);
      return;
    }
    if (oldStream !== undefined) {
      this.#streams.delete(oldStream);
      this.#out.endStream(oldStream, "aborted", "a later dial took its place");
    }
    this.#streams.set(streamId, member);
    this.#pump(now);
  }

  messageReceived(streamId: StreamId, envelope: Envelope<WorkerMessage>, now: number): void {
    this.#noticeStall(now);
    const member = this.#streams.get(streamId);
    if (member === undefined) return;
    switch (member.link.accept(envelope, now)) {
      case "handle":
        this.#handle(member, envelope, now);
        break;
      case "gap":
        this.#streams.delete(streamId);
        member.link.streamEnded();
        this.#out.endStream(streamId, "internal", `message ${envelope.seq} of worker ${member.link.workerId} after a gap`);
        break;
      case "drop":
        break;
    }
    this.#pump(now);
  }

  streamEnded(streamId: StreamId, now: number): void {
    this.#noticeStall(now);
    const member = this.#streams.get(streamId);
    if (member === undefined) return;
    this.#streams.delete(streamId);
    member.link.streamEnded();
    this.#pump(now);
  }

  extendLease(workerId: string, incarnation: Incarnation, now: number): boolean {
    this.#noticeStall(now);
    const link = this.#members.get(workerId)?.link;
    return link?.incarnation === incarnation && link.extendLease(now);
  }

  workerReaped(workerId: string, now: number): void {
    this.#noticeStall(now);
    this.#reapedWorkers.add(workerId);
    const member = this.#members.get(workerId);
    if (member === undefined) return;
    this.#lose(member, "process ended", now);
    this.#pump(now);
  }

  roundTripMeasured(roundTripNs: number): void {
    this.#horizonNs = Math.max(MIN_HORIZON_NS, 4 * roundTripNs);
  }

  startOf(spec: PhaseSpec, now: number): number {
    const isAlone = this.#phase === undefined || this.#phase.stage === "returned";
    return isIssuedAhead(spec) && isAlone ? now + START_LEAD_NS : now;
  }

  startPhase(spec: PhaseSpec, now: number, startNs = now): void {
    const before = this.#phase;
    const isOpen = before !== undefined && before.stage !== "returned";
    if (isOpen && !(before.spec.isSeamless === true && before.isSent)) {
      throw new AssayError(
        "failed_precondition",
        `phase ${spec.name} cannot start: phase ${before.spec.name} is ${before.stage}`,
      );
    }
    this.#phase = new PhaseRun(spec, startNs, this.#prefill);
    if (isOpen) this.#finishing.push(before);
    for (const member of this.#members.values()) {
      member.wantedRecall = undefined;
      // No session of an earlier phase goes on.
      member.continuing = 0;
    }
    this.#limitTo(spec.load.kind === "open" ? Number.POSITIVE_INFINITY : Math.max(0, Math.floor(spec.load.concurrency)));
    this.#pump(now);
  }

  adjustPhase(change: LoadChange, now: number): void {
    this.#noticeStall(now);
    const phase = checkChange(change, this.#phase);
    const { concurrency, prefill, ratePerSec, isPaused } = change;
    if (concurrency !== undefined) {
      this.#limitTo(concurrency);
      phase.endRamp("concurrency");
    }
    if (prefill !== undefined && phase.prefill !== undefined) {
      phase.prefill.limit = prefill;
      phase.endRamp("prefill");
    }
    if (ratePerSec !== undefined) this.#setRate(phase, ratePerSec, now);
    if (isPaused === true && !phase.isPaused) this.#pause(phase, now);
    if (isPaused === false && phase.isPaused) this.#reschedule(phase, phase.resume(now));
    this.#pump(now);
  }

  stopPhase(reason: string, now: number, graceNs?: number, phase?: number): void {
    this.#noticeStall(now);
    for (const open of this.#open(phase)) this.#stop(open, reason, now, graceNs);
    this.#pump(now);
  }

  cancelPhase(reason: string, now: number, phase?: number): void {
    this.#noticeStall(now);
    for (const open of this.#open(phase)) {
      this.#stop(open, reason, now);
      open.endGrace(reason, now);
    }
    this.#pump(now);
  }

  advance(now: number): void {
    this.#noticeStall(now);
    this.#lastAdvanceNs = now;
    this.#needsSecondLook = false;
    for (const member of [...this.#members.values()]) {
      if (member.link.lease.isOverAfterReading(now)) this.#lose(member, "lease over", now);
      else if (now >= member.link.lease.endNs) this.#needsSecondLook = true;
    }
    this.#pump(now);
  }

  nextWakeNs(): number {
    if (this.#needsSecondLook || this.#lastAdvanceNs < 0) return this.#now;
    let wakeNs = this.#lastAdvanceNs + TICK_NS;
    for (const finishing of this.#finishing) wakeNs = Math.min(wakeNs, finishing.nextWakeNs(this.#now));
    const phase = this.#phase;
    if (phase === undefined || phase.stage === "returned") return wakeNs;
    wakeNs = Math.min(wakeNs, phase.nextWakeNs(this.#now));
    if (phase.draws.isStopped) return wakeNs;
    const aheadNs = isIssuedAhead(phase.spec) ? this.#horizonNs : 0;
    // A turn of a timetable is issued ahead; elsewhere turns take arrivals, and those are.
    const turnAheadNs = phase.spec.load.kind === "timetable" ? aheadNs : 0;
    for (const { waiting, isReachable } of this.#members.values()) {
      const turnNs = waiting.nextReadyNs - turnAheadNs;
      if (isReachable && turnNs > this.#now) wakeNs = Math.min(wakeNs, turnNs);
      if (waiting.nextSilentNs > this.#now) wakeNs = Math.min(wakeNs, waiting.nextSilentNs);
    }
    if (phase.isPaused) return wakeNs;
    const issueNs = phase.draws.nextDrawNs - aheadNs;
    return issueNs > this.#now ? Math.min(wakeNs, issueNs) : wakeNs;
  }

  stats(): TimingStats {
    return {
      phases: [...this.#stages.keys()].map((phase) => ({
        phase,
        stage: this.#stages.get(phase) as PhaseStage,
        highestId: this.#ledger.highestId(phase),
        counts: this.#ledger.counts(phase),
        ...this.#askedOf(phase),
      })),
      members: [...this.#members.values()].map((member) => ({
        workerId: member.link.workerId,
        isConnected: member.link.streamId !== undefined,
        isReachable: member.isReachable,
        limit: member.limit,
        counted: member.slots.counted,
        issued: member.issued,
        waitingSessions: member.waiting.count,
      })),
      lostWorkers: this.#lostWorkers,
      violations: this.#violations,
    };
  }

  #askedOf(index: number): Pick<PhaseStats, "askedPerSec"> {
    const phase = this.#phase;
    const askedPerSec = phase?.spec.index === index && !phase.isPaused ? phase.draws.rateAt(this.#now) : undefined;
    return askedPerSec === undefined ? {} : { askedPerSec };
  }

  /**
   * The first call after a stall of this process, whichever it is, adds the stall to every deadline that a worker may have met
   * without timing having read it.
   */
  #noticeStall(now: number): void {
    const gapNs = now - this.#lastCallNs;
    this.#lastCallNs = now;
    if (!(gapNs > STALL_NS)) return;
    const stallNs = gapNs - TICK_NS;
    for (const member of this.#members.values()) member.link.lease.extend(stallNs);
    for (const open of this.#open()) open.extendAnswers(stallNs);
  }

  /** Phases that have begun and not come back, or the one of this index. */
  #open(index?: number): readonly PhaseRun[] {
    const open = this.#phase === undefined ? this.#finishing : [...this.#finishing, this.#phase];
    return open.filter(({ spec, stage }) => stage !== "returned" && (index === undefined || spec.index === index));
  }

  #refusalOf(hello: Hello): string | undefined {
    if (hello.runId !== this.#options.runId) return `run ${hello.runId} is not the run of this timing process`;
    if (hello.timingIncarnation !== 0n && hello.timingIncarnation !== this.#options.incarnation) {
      return "another timing process is behind this incarnation";
    }
    if (this.#lostIncarnations.has(hello.incarnation)) return "this incarnation was declared lost";
    if (this.#reapedWorkers.has(hello.workerId)) return `worker ${hello.workerId} was reaped`;
    return undefined;
  }

  #join(hello: Hello, now: number): Member {
    const link = new WorkerLink(
      {
        workerId: hello.workerId,
        incarnation: hello.incarnation,
        terms: this.#options.terms,
        timingIncarnation: this.#options.incarnation,
        wantsFirstToken: this.#options.wantsFirstToken ?? false,
        send: this.#out.send,
      },
      now,
    );
    const member = new Member(link, hello.maxConnections > 0 ? hello.maxConnections : Number.POSITIVE_INFINITY);
    this.#members.set(hello.workerId, member);
    return member;
  }

  #handle(member: Member, { ack, body }: Envelope<WorkerMessage>, now: number): void {
    switch (body.kind) {
      case "returned":
        this.#returned(member, body.returns, now);
        member.link.reported(ack, body.unsent);
        return;
      case "first_token":
        for (const id of body.creditIds) this.#prefill.freed(id);
        return;
      case "slots_ack":
        member.slots.acked(body.epoch);
        return;
      case "recall_done":
        if (member.recall?.id === body.recallId) member.recall = undefined;
        if (body.count === 0) member.barrenAt = member.holder.settledCount;
        return;
      case "renew":
      case "hello":
        return;
    }
  }

  #returned(member: Member, returns: readonly CreditReturn[], now: number): void {
    let completed = 0;
    for (const { creditId, use, sessionOver, miss } of returns) {
      const credit = this.#ledger.settle(member.holder, creditId, use, miss);
      if (credit === undefined) {
        this.#violations++;
        this.#out.violation(`worker ${member.link.workerId} returned credit ${creditId} (${use}), which it does not have`);
        continue;
      }
      this.#prefill.freed(creditId);
      if (use === "sent") completed++;
      // What a phase that issues nothing more had in flight leads to nothing.
      if (credit.phase !== this.#phase?.spec.index) continue;
      const leadsOn = this.#phase.leadsOn(credit);
      if (leadsOn) member.continuing--;
      const playing = { draws: this.#phase.draws, member, now: this.#phase.turnNs(now) };
      if (use === "unused") givenBack(playing, credit);
      else if (leadsOn) turnSent(playing, credit, sessionOver);
    }
    if (completed > 0) member.standby.completed(completed, now);
  }

  /** The only place where a worker is declared lost, for one of three reasons: lease over, process reaped, new incarnation. */
  #lose(member: Member, reason: string, now: number): void {
    const { workerId, incarnation } = member.link;
    this.#members.delete(workerId);
    this.#lostIncarnations.add(incarnation);
    member.isLost = true;
    const lost = this.#ledger.lose(member.holder);
    for (const credit of lost) {
      this.#prefill.freed(credit.id);
      if (credit.phase === this.#phase?.spec.index) endAfter({ draws: this.#phase.draws, member, now }, credit);
    }
    this.#endWaiting(member, "all", now);
    const streamId = member.link.fence(reason);
    if (streamId !== undefined) {
      this.#streams.delete(streamId);
      this.#out.endStream(streamId, "failed_precondition", reason);
    }
    this.#lostWorkers++;
    this.#out.workerLost({ workerId, incarnation, reason, lostCredits: lost.length }, now);
  }

  /** Does whatever the last input has made possible. */
  #pump(now: number): void {
    this.#now = now;
    const members = [...this.#members.values()];
    for (const member of members) member.isReachable = member.link.isReachable(now);
    const phase = this.#phase;
    const level = phase?.followRamps(now);
    if (level !== undefined) this.#limitTo(level);
    this.#distribute(members, now);
    for (const finishing of this.#finishing) this.#takeSteps(finishing, now);
    if (this.#finishing.length > 0) this.#finishing = this.#finishing.filter(({ stage }) => stage !== "returned");
    if (phase === undefined) return;
    const isIssuing = !phase.isSent && !phase.draws.isStopped && !phase.isTimeUp(now);
    if (isIssuing && !phase.isPaused) {
      do this.#issue(phase, members, now);
      while (this.#passSilent(phase, members, now));
    }
    this.#takeSteps(phase, now);
    this.#recalls.recallWanted(phase, members);
  }

  /** Takes the steps of a phase that are due. */
  #takeSteps(phase: PhaseRun, now: number): void {
    for (let step = this.#nextStep(phase, now); step !== undefined; step = this.#nextStep(phase, now)) {
      this.#take(step, phase, now);
      if (step.kind === "shun_holders" || step.kind === "shun_busy") break;
    }
    this.#stages.set(phase.spec.index, phase.stage);
  }

  /** What the load bounds: trees where sessions that begin others hold places, since a place says nothing of how many go on in it. */
  #limitTo(concurrency: number): void {
    const { spec, draws } = this.#phase as PhaseRun;
    const isOfTrees = draws.trees !== undefined && placeHolderOf(spec.load) === "session";
    if (isOfTrees && draws.trees !== undefined) draws.trees.limit = concurrency;
    this.#concurrency = isOfTrees ? Number.POSITIVE_INFINITY : concurrency;
  }

  /** Passes the turns that send nothing and are due. Returns whether there were any. */
  #passSilent({ draws }: PhaseRun, members: readonly Member[], now: number): boolean {
    return members.filter((member) => passSilent({ draws, member, now })).length > 0;
  }

  /** Before the first phase nobody waits. */
  #endWaiting(member: Member, which: "all" | "undrawn", now: number): void {
    if (this.#phase !== undefined) endWaiting({ draws: this.#phase.draws, member, now }, which);
  }

  #distribute(members: readonly Member[], now: number): void {
    const isUnlimited = this.#concurrency === Number.POSITIVE_INFINITY;
    const tell = (member: Member, limit: number) => {
      member.link.send({ kind: "slots", limit, epoch: member.slots.tell(limit) });
      if (limit === 0) this.#endWaiting(member, "all", now);
    };
    if (!isUnlimited) {
      const phase = this.#phase;
      const isBound = phase !== undefined && isPlaceConnection(phase.spec);
      const capacityOf = ({ maxConnections }: Member) => (isBound ? maxConnections : Number.POSITIVE_INFINITY);
      this.#noteUnplaced(distributeSlots(this.#concurrency, members, tell, capacityOf), now);
      return;
    }
    for (const member of members) if (member.isReachable && member.limit < UNLIMITED_SLOTS) tell(member, UNLIMITED_SLOTS);
  }

  #noteUnplaced(unplaced: number, now: number): void {
    const phase = this.#phase;
    const isIssuing = phase !== undefined && !phase.isSent && !phase.draws.isStopped;
    if (unplaced === 0 || !isIssuing) {
      this.#unplaced = undefined;
      return;
    }
    this.#unplaced ??= { sinceNs: now, isTold: false };
    if (this.#unplaced.isTold || now - this.#unplaced.sinceNs < UNPLACED_NS) return;
    this.#unplaced.isTold = true;
    this.#out.slotsUnplaced({ phase: phase.spec.index, concurrency: this.#concurrency, unplaced }, now);
  }

  #issue(phase: PhaseRun, members: readonly Member[], now: number): void {
    const { draws, prefill } = phase;
    const hasTargets = this.#options.loads !== undefined;
    const isPrefillCounted = prefill !== undefined || this.#options.wantsFirstToken === true;
    if (!draws.canContinue) for (const member of members) this.#endWaiting(member, "undrawn", now);
    const begun = (member: Member, child: Credit) => goOn({ draws, member, now }, child);
    const issue = (member: Member, draft: Draft) => {
      const credit = this.#ledger.issue(member.holder, draft);
      if (phase.leadsOn(credit)) member.continuing++;
      if (isPrefillCounted) this.#prefill.taken(credit.id);
      if (hasTargets) member.metTargets.met(credit.targetIndex);
      member.toSend.push(credit);
    };
    const drop = () => void this.#ledger.drop(phase.spec.index);
    // A little further than needed, so that arrivals go out in groups and timing is not woken for each.
    const horizonNs = this.#horizonNs * 1.1;
    issueDue({ draws, members, prefill, issue, drop, begun, horizonNs, hasTargets }, now);
    for (const member of members) {
      if (member.toSend.length > 0) member.link.send({ kind: "issue", credits: member.toSend.splice(0) });
    }
    if (draws.firstTurnsLeft === 0) this.#recalls.recallIdle(phase, members, this.#concurrency);
  }

  /** Nothing that could leave later than now leaves; the schedule stands still. */
  #pause(phase: PhaseRun, now: number): void {
    phase.pause(now);
    wantRecall(this.#members.values(), isIssuedAhead(phase.spec) ? { kind: "due_after", dueAfterNs: now } : { kind: "all" });
  }

  /** What was issued ahead by the old rate comes back, to be drawn again at its new time. */
  #setRate(phase: PhaseRun, ratePerSec: number, now: number): void {
    const fromNs = phase.scheduleNs(now);
    this.#reschedule(phase, phase.draws.setRate(ratePerSec, fromNs));
    if (phase.spec.load.kind === "open") wantRecall(this.#members.values(), { kind: "due_after", dueAfterNs: fromNs });
  }

  /** The workers know the old times; what they send before they are asked for it is sent. */
  #reschedule(phase: PhaseRun, move: Reschedule): void {
    for (const member of this.#members.values()) {
      this.#ledger.reschedule(member.holder, phase.spec.index, move);
      member.waiting.reschedule(move, phase.spec.load.kind === "timetable");
    }
  }

  #stopScope({ spec, draws }: PhaseRun, reason: string): RecallScope {
    const { durationNs } = spec.stop;
    const isScheduleEnd = isIssuedAhead(spec) && reason === DURATION_OVER && durationNs !== undefined;
    return isScheduleEnd ? { kind: "due_after", dueAfterNs: draws.startNs + durationNs } : { kind: "all" };
  }

  #stop(phase: PhaseRun, reason: string, now: number, graceNs?: number): void {
    const wasStopped = phase.draws.isStopped;
    // While it was paused nothing was due.
    if (phase.isPaused) this.#reschedule(phase, phase.resume(now));
    if (!wasStopped) this.#dropArrivals(phase, now);
    phase.stop(now, graceNs);
    // After sending complete there is nothing to call back; the stop only limits how long the rest may take.
    if (wasStopped) return;
    phase.stopReason = reason;
    const scope = this.#stopScope(phase, reason);
    for (const member of this.#members.values()) {
      member.waiting.end("all");
      member.wantedRecall = scope;
    }
  }

  /** Arrivals that were due before the stop and found nobody to send them leave the schedule, counted. */
  #dropArrivals(phase: PhaseRun, now: number): void {
    if (phase.spec.load.kind === "closed") return;
    const endNs = phase.draws.startNs + (phase.spec.stop.durationNs ?? Number.POSITIVE_INFINITY);
    while (phase.draws.nextDueNs < Math.min(now, endNs) && phase.draws.skipArrival()) this.#ledger.drop(phase.spec.index);
  }

  #nextStep(phase: PhaseRun, now: number): PhaseStep | undefined {
    const members = [...this.#members.values()];
    const waiting = members.reduce((sum, member) => sum + member.waiting.count + member.continuing, 0);
    const redraws = members.reduce((sum, member) => sum + member.waiting.redrawCount, 0);
    const { draws } = phase;
    return phase.next(
      {
        isDrawnOut: draws.firstTurnsLeft === 0 && redraws === 0 && (waiting === 0 || !draws.canContinue),
        allHoldNothing: members.every((member) => member.link.holdsNothing),
        issued: this.#ledger.issuedCount(phase.spec.index),
      },
      now,
    );
  }

  #take(step: PhaseStep, phase: PhaseRun, now: number): void {
    switch (step.kind) {
      case "stop":
        this.#stop(phase, DURATION_OVER, now);
        return;
      case "sending_complete":
        phase.draws.stop();
        for (const member of this.#members.values()) member.waiting.end("all");
        this.#out.sendingComplete(phase.spec.index, now, { stopReason: phase.stopReason, sessions: phase.draws.sessions });
        return;
      case "cancel":
        for (const member of this.#members.values()) {
          if (hasIssued(member, phase)) member.link.send({ kind: "cancel", phase: phase.spec.index, reason: step.reason });
        }
        return;
      case "shun_holders":
        for (const member of this.#members.values()) if (!member.link.holdsNothing) member.link.stopAnswering();
        return;
      case "shun_busy":
        for (const member of this.#members.values()) if (hasIssued(member, phase)) member.link.stopAnswering();
        return;
      case "returning_complete":
        this.#stages.set(phase.spec.index, "returned");
        this.#out.returningComplete(this.#report(phase), now);
        return;
    }
  }

  #report(phase: PhaseRun): PhaseReport {
    const { index } = phase.spec;
    return {
      account: this.#ledger.account(index),
      counts: this.#ledger.counts(index),
      stopReason: phase.stopReason,
      abandonedSessions: phase.draws.abandonedSessions,
      abandonedTurns: phase.draws.abandonedTurns,
      queued: phase.draws.queued,
    };
  }
}

const DURATION_OVER = "duration over";

function hasIssued({ holder }: Member, { spec }: PhaseRun): boolean {
  for (const { phase } of holder.issued.values()) if (phase === spec.index) return true;
  return false;
}
