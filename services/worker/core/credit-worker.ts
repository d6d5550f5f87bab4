/**
 * What a worker thinks about credits: which it holds, which it may send now, what it gives back, and when it must stop. Pure: the
 * edge feeds it messages, the ends of requests and the clock, and carries out what it says through `CreditWorkerOut`.
 *
 * Order of calls: `start`, then whenever `nextWakeNs()` has come `advance`; `connected`, `messageReceived` and `streamEnded` with
 * the dial they belong to (those of earlier dials are ignored); `requestEnded` exactly once for each `fire`; `flushReturns` once
 * at the end of every turn of the event loop in which a request ended. All times are this process's CLOCK_MONOTONIC, ns; the edge
 * translates due times (of credits and of recalls) from the suite's clock before it hands a message in.
 */
import type {
  Credit,
  CreditReturn,
  Envelope,
  Incarnation,
  TargetMiss,
  TimingMessage,
  WorkerMessage,
} from "../../common/credits.ts";
import { CreditLink, type CreditLinkOptions, type LinkState } from "./credit-link.ts";
import { Holdings } from "./holdings.ts";

/** The host was suspended for longer than this between two looks: nothing is known of the lease. */
const SUSPEND_NS = 0.5e9;
/** Before the next incarnation's first dial: a worker that is always fenced (a wrong run) does not dial in a tight loop. */
const FENCED_PAUSE_NS = 250e6;

export interface CreditWorkerOptions extends CreditLinkOptions {
  /** Random 64 bits, new at each call, never 0. */
  readonly newIncarnation: () => Incarnation;
  /** Reads the clock afresh: compared with the lease before every request, on top of the times given as arguments. */
  readonly clock: () => number;
}

/** Why requests in flight are ended: `fenced` (the lease is over), or the reason that timing gave with its cancel. */
export type EndReason = "fenced" | (string & {});

/** As timing is told of it. */
export interface RequestEnd {
  /** The worker has no usable history for the conversation's next turn (failed, cancelled, last turn). */
  readonly sessionOver: boolean;
  /** Absent: there was a connection to the target. */
  readonly miss?: TargetMiss | undefined;
}

/** What the worker wants done. `fire` may call `requestEnded` at once; none of the others may call back into the core. */
export interface CreditWorkerOut {
  /**
   * Write the request now. Whatever comes of it, `requestEnded` follows exactly once. Whoever cannot write at once (the turn has
   * to be fetched) asks `mayWrite` right before the write, and ends the request unsent when it may not.
   */
  readonly fire: (credit: Credit) => void;
  /** Close these requests; each still ends through `requestEnded`. */
  readonly cancelInFlight: (creditIds: readonly number[], reason: EndReason) => void;
  readonly send: (envelope: Envelope<WorkerMessage>) => void;
  /** Open a stream to timing, in place of any earlier one; then `connected(dial)`, or `streamEnded(dial)` if it fails. */
  readonly wantDial: (dial: number) => void;
  readonly endStream: (dial: number, reason: string) => void;
  /** The lease was over by so much when the worker noticed, with requests in flight: they may have overlapped with others'. */
  readonly leaseOverrun: (overrunNs: number, inFlight: number) => void;
  /** Timing has declared this incarnation lost; what was held is discarded. */
  readonly fenced: (reason: string) => void;
}

export interface CreditWorkerStats {
  readonly link: LinkState;
  readonly incarnation: Incarnation;
  readonly limit: number;
  readonly held: number;
  readonly inFlight: number;
  readonly isLeaseValid: boolean;
  /** When the lease is over; −Infinity before the first welcome. */
  readonly leaseEndNs: number;
  /** How often this process was fenced. */
  readonly fencings: number;
}

export interface CreditWorker {
  start(now: number): void;
  connected(dial: number, now: number): void;
  messageReceived(dial: number, envelope: Envelope<TimingMessage>, now: number): void;
  streamEnded(dial: number, now: number): void;
  requestEnded(creditId: number, end: RequestEnd, now: number): void;
  /**
   * For a request that is written later than in `fire`: whether it still may be, by a fresh look at the clock. False once the lease
   * is over or the request was to be ended; then it is never written.
   */
  mayWrite(creditId: number): boolean;
  /** While paused (the outbox is full) nothing is fired; what is held can still be recalled. */
  setPaused(isPaused: boolean, now: number): void;
  /** Timing wants to hear of first tokens. */
  readonly wantsFirstToken: boolean;
  /** First content arrived; only where timing asked for it. */
  firstToken(creditId: number): void;
  /** Says what came back since the last call, as one message. */
  flushReturns(): void;
  /** `suspendedNs`: how long the host has been suspended so far, in which `now` stood still. */
  advance(now: number, suspendedNs?: number): void;
  /** When to call `advance`; may be past. */
  nextWakeNs(): number;
  /** The part of it that is worth precision: when the next request is due that may be sent then; Infinity when none is. */
  nextDueNs(): number;
  stats(): CreditWorkerStats;
}

export function createCreditWorker(options: CreditWorkerOptions, out: CreditWorkerOut): CreditWorker {
  return new Worker(options, out);
}

class Worker implements CreditWorker {
  readonly #options: CreditWorkerOptions;
  readonly #out: CreditWorkerOut;
  readonly #holdings = new Holdings();
  readonly #inFlight = new Map<number, Credit>();
  /** Those in flight that are to end. */
  readonly #ending = new Set<number>();
  #link: CreditLink;
  #limit = 0;
  #epoch = 0;
  #ackedEpoch = 0;
  #returns: CreditReturn[] = [];
  #unusedWaiting = 0;
  #firstTokens: number[] = [];
  // Whether timing has been told that nothing is unsent, as of the latest issue message.
  #mustReport = false;
  #isLeaseOver = true;
  #isFenced = false;
  #isFiring = false;
  #isPaused = false;
  #suspendedNs: number | undefined;
  #fencings = 0;

  constructor(options: CreditWorkerOptions, out: CreditWorkerOut) {
    this.#options = options;
    this.#out = out;
    this.#link = this.#newLink(0, Number.POSITIVE_INFINITY);
  }

  start(now: number): void {
    this.#link = this.#newLink(0, now);
    this.#link.advance(now);
  }

  connected(dial: number, now: number): void {
    if (dial === this.#link.dial) this.#link.connected(now);
  }

  streamEnded(dial: number, now: number): void {
    if (dial === this.#link.dial) this.#link.streamEnded(now);
  }

  messageReceived(dial: number, envelope: Envelope<TimingMessage>, now: number): void {
    if (dial !== this.#link.dial || this.#isFenced) return;
    this.#checkLease(now);
    const verdict = this.#link.accept(envelope, now);
    this.#restoreLease(now);
    if (verdict === "handle") this.#handle(envelope.body, now);
    // A busy loop may be late with its timer; the lease does not wait for it.
    if (verdict === "welcomed" || (!this.#isFenced && this.#link.isRenewalDue(now))) this.#renew(now);
    this.#fireReady(now);
    this.flushReturns();
  }

  requestEnded(creditId: number, { sessionOver, miss }: RequestEnd, now: number): void {
    if (!this.#inFlight.has(creditId)) return;
    // A process that wakes may read its answers before its timers run: they too were in flight when the lease was over.
    this.#checkLease(now);
    this.#inFlight.delete(creditId);
    this.#ending.delete(creditId);
    if (this.#isFenced) {
      this.#startAnew(now);
      return;
    }
    this.#returns.push(
      miss === undefined ? { creditId, use: "sent", sessionOver } : { creditId, use: "sent", sessionOver, miss },
    );
    this.#ackSlots();
    if (this.#link.isRenewalDue(now)) this.#renew(now);
    if (!this.#isFiring) this.#fireReady(now);
  }

  mayWrite(creditId: number): boolean {
    const isWanted = this.#inFlight.has(creditId) && !this.#ending.has(creditId);
    return isWanted && !this.#isLeaseOver && this.#link.lease.isValid(this.#options.clock());
  }

  setPaused(isPaused: boolean, now: number): void {
    this.#isPaused = isPaused;
    this.#fireReady(now);
  }

  get wantsFirstToken(): boolean {
    return this.#link.wantsFirstToken;
  }

  firstToken(creditId: number): void {
    if (!this.#isFenced && this.#inFlight.has(creditId)) this.#firstTokens.push(creditId);
  }

  flushReturns(): void {
    if (this.#firstTokens.length > 0) this.#link.send({ kind: "first_token", creditIds: this.#firstTokens.splice(0) });
    const unsent = this.#holdings.count;
    const mustReport = this.#mustReport && unsent === 0;
    if (this.#returns.length === 0 && !mustReport) return;
    const returns = this.#returns;
    this.#returns = [];
    this.#unusedWaiting = 0;
    if (unsent === 0) this.#mustReport = false;
    this.#link.send({ kind: "returned", returns, unsent });
  }

  advance(now: number, suspendedNs?: number): void {
    this.#checkSuspend(now, suspendedNs);
    this.#checkLease(now);
    if (this.#isFenced) return;
    if (this.#link.advance(now)) this.#renew(now);
    this.#fireReady(now);
    this.flushReturns();
  }

  nextWakeNs(): number {
    if (this.#isFenced) return Number.POSITIVE_INFINITY;
    const leaseNs = this.#isLeaseOver ? Number.POSITIVE_INFINITY : this.#link.lease.endNs;
    return Math.min(this.#link.nextWakeNs, this.nextDueNs(), leaseNs);
  }

  nextDueNs(): number {
    const mayFire = this.#inFlight.size < this.#limit && !this.#isFenced && !this.#isLeaseOver && !this.#isPaused;
    return mayFire ? this.#holdings.nextDueNs : Number.POSITIVE_INFINITY;
  }

  stats(): CreditWorkerStats {
    return {
      link: this.#link.state,
      incarnation: this.#link.incarnation,
      limit: this.#limit,
      held: this.#holdings.count,
      inFlight: this.#inFlight.size,
      isLeaseValid: !this.#isLeaseOver,
      leaseEndNs: this.#link.lease.endNs,
      fencings: this.#fencings,
    };
  }

  #newLink(dial: number, now: number): CreditLink {
    const out = { dial: this.#out.wantDial, endStream: this.#out.endStream, send: this.#out.send };
    return new CreditLink(this.#options, out, { incarnation: this.#options.newIncarnation(), dial }, now);
  }

  #handle(message: TimingMessage, now: number): void {
    switch (message.kind) {
      case "issue":
        this.#mustReport = true;
        for (const credit of message.credits) if (!this.#holdings.hold(credit, now)) this.#giveBack([credit]);
        if (this.#limit === 0) this.#giveBack(this.#holdings.giveBackAll());
        return;
      case "slots":
        this.#limit = message.limit;
        this.#epoch = message.epoch;
        if (message.limit === 0) this.#giveBack(this.#holdings.giveBackAll());
        this.#ackSlots();
        return;
      case "recall": {
        const recalled = this.#holdings.recall(message.phase, message.scope, message.firstTurnsOnly);
        this.#giveBack(recalled);
        this.flushReturns();
        this.#link.send({ kind: "recall_done", recallId: message.recallId, count: recalled.length });
        return;
      }
      case "cancel": {
        this.#giveBack(this.#holdings.recall(message.phase, { kind: "all" }, false));
        const ids = [...this.#inFlight.values()].filter((credit) => credit.phase === message.phase).map(({ id }) => id);
        this.#end(ids, message.reason);
        return;
      }
      case "fenced":
        this.#fence(message.reason, now);
        return;
      case "welcome":
      case "lease":
        return;
    }
  }

  #giveBack(credits: readonly Credit[]): void {
    for (const { id } of credits) this.#returns.push({ creditId: id, use: "unused", sessionOver: false });
    this.#unusedWaiting += credits.length;
  }

  /** Only when in flight has come down to the limit: until then the slots that were cut are still in use. */
  #ackSlots(): void {
    if (this.#epoch === this.#ackedEpoch || this.#inFlight.size > this.#limit) return;
    this.#ackedEpoch = this.#epoch;
    this.#link.send({ kind: "slots_ack", epoch: this.#epoch });
  }

  #fireReady(now: number): void {
    if (this.#isFenced) return;
    this.#holdings.promoteDue(now);
    this.#isFiring = true;
    while (this.#mayFire()) {
      const credit = this.#holdings.fireNext();
      if (credit === undefined) break;
      this.#fire(credit);
    }
    this.#isFiring = false;
  }

  /** The clock is read afresh: the process may have stood still since the lease was last looked at. */
  #mayFire(): boolean {
    if (this.#isPaused || this.#isLeaseOver || this.#inFlight.size >= this.#limit) return false;
    return this.#link.lease.isValid(this.#options.clock());
  }

  #fire(credit: Credit): void {
    this.#inFlight.set(credit.id, credit);
    this.#out.fire(credit);
  }

  #renew(now: number): void {
    // What was given back must lie on the stream before the count of what is left.
    this.flushReturns();
    const unsent = this.#holdings.count + this.#unusedWaiting;
    this.#link.renew(unsent, now);
  }

  /** Lease over: fire nothing, end what is in flight; what is held stays. */
  #checkLease(now: number): void {
    if (this.#isLeaseOver || this.#link.lease.isValid(now)) return;
    this.#isLeaseOver = true;
    if (this.#inFlight.size === 0) return;
    this.#out.leaseOverrun(now - this.#link.lease.endNs, this.#inFlight.size);
    this.#end([...this.#inFlight.keys()], "fenced");
  }

  #end(creditIds: readonly number[], reason: EndReason): void {
    if (creditIds.length === 0) return;
    for (const id of creditIds) this.#ending.add(id);
    this.#out.cancelInFlight(creditIds, reason);
  }

  #restoreLease(now: number): void {
    if (this.#isLeaseOver && this.#link.lease.isValid(now)) this.#isLeaseOver = false;
  }

  #checkSuspend(now: number, suspendedNs: number | undefined): void {
    if (suspendedNs === undefined) return;
    const before = this.#suspendedNs ?? suspendedNs;
    this.#suspendedNs = suspendedNs;
    if (suspendedNs - before > SUSPEND_NS) this.#link.lease.revoke(now);
  }

  /** The incarnation is over. A new one begins only when the last request of the old one has ended. */
  #fence(reason: string, now: number): void {
    this.#isFenced = true;
    this.#isLeaseOver = true;
    this.#fencings++;
    this.#link.redial("fenced", now);
    this.#holdings.discardAll();
    this.#returns = [];
    this.#unusedWaiting = 0;
    this.#firstTokens = [];
    this.#out.fenced(reason);
    this.#end([...this.#inFlight.keys()], "fenced");
    this.#startAnew(now);
  }

  #startAnew(now: number): void {
    if (this.#inFlight.size > 0) return;
    this.#isFenced = false;
    this.#limit = 0;
    this.#epoch = 0;
    this.#ackedEpoch = 0;
    this.#mustReport = false;
    this.#link = this.#newLink(this.#link.dial, now + FENCED_PAUSE_NS);
  }
}
