/**
 * What timing and its edge say to each other: what the edge hands in (`TimingCore`), what it carries out (`TimingOut`), and what
 * may be asked.
 *
 * The edge calls `advance(now)` whenever `nextWakeNs()` has come, and asks for `nextWakeNs()` again after every call of any
 * method. It should call `advance` only after everything that its sockets held has been handed in (from `setImmediate`, not from
 * the timer itself), and must not let a busy stream of messages push the timer back: one that is due earlier than the new wish
 * stays. All times are CLOCK_MONOTONIC of this process, ns.
 */
import type { Envelope, Hello, Incarnation, LeaseTerms, TimingMessage, WorkerMessage } from "../../common/credits.ts";
import type { ErrorCode } from "../../common/errors.ts";
import type { CreditCounts, PhaseAccount } from "./ledger.ts";
import type { LoadChange } from "./load-change.ts";
import type { PhaseSpec, PhaseStage } from "./phase.ts";
import type { TargetLoads } from "./targets.ts";
import type { StreamId } from "./worker-link.ts";

export interface TimingOptions {
  readonly runId: string;
  /** Random 64 bits of this process; a worker that was welcomed by another one is fenced. */
  readonly incarnation: Incarnation;
  readonly terms: LeaseTerms;
  /** Some phase has prefill slots, which workers have to free. Default: false. */
  readonly wantsFirstToken?: boolean;
  /** Kept up to date for whoever chooses among several targets. Absent: nobody does. */
  readonly loads?: TargetLoads | undefined;
}

/** What timing wants done. None of these may call back into the core. */
export interface TimingOut {
  readonly send: (streamId: StreamId, envelope: Envelope<TimingMessage>) => void;
  /** Ends a stream, after what was sent on it. */
  readonly endStream: (streamId: StreamId, code: ErrorCode, message: string) => void;
  /** Nothing more will be issued in this phase. */
  readonly sendingComplete: (phase: number, now: number, end: SendingEnd) => void;
  /** Every credit of the phase came back or is lost. The account is final and goes to the records manager until that has answered. */
  readonly returningComplete: (report: PhaseReport, now: number) => void;
  readonly workerLost: (loss: WorkerLoss, now: number) => void;
  /** For a while now no worker has had room for a part of the load; said once until all of it is placed again. */
  readonly slotsUnplaced: (slots: UnplacedSlots, now: number) => void;
  /** A worker said something that it never may: a bug. To be logged; the run is invalid. */
  readonly violation: (message: string) => void;
}

export interface SendingEnd {
  /** Why it stopped; undefined when nothing is left to draw. */
  readonly stopReason: string | undefined;
  /** Sessions begun, those included whose first turn was never sent: where a following phase goes on drawing. */
  readonly sessions: number;
}

export interface WorkerLoss {
  readonly workerId: string;
  readonly incarnation: Incarnation;
  readonly reason: string;
  /** How many credits are lost with it. */
  readonly lostCredits: number;
}

export interface UnplacedSlots {
  /** Index of the phase. */
  readonly phase: number;
  /** Requests at once that are asked for, and how many of them no worker can hold. */
  readonly concurrency: number;
  readonly unplaced: number;
}

/** How a phase ended. Unless stopped: requests asked = sent + lost + dropped, and with a session count + abandoned turns. */
export interface PhaseReport {
  readonly account: PhaseAccount;
  readonly counts: CreditCounts;
  /** Why it stopped; undefined when it ended because nothing was left to draw. */
  readonly stopReason: string | undefined;
  /** Sessions that ended early (their worker was lost, or had no usable history left), and how many turns of theirs were not played. */
  readonly abandonedSessions: number;
  readonly abandonedTurns: number;
  /** Requests that had to wait for a place under the ceiling. */
  readonly queued: number;
}

export interface PhaseStats {
  readonly phase: number;
  readonly stage: PhaseStage;
  /** Highest id drawn, 0 when none. With the counts and the committed rows it makes an account should timing die. */
  readonly highestId: number;
  readonly counts: CreditCounts;
  /** Requests per second that its schedule asks for now; absent: it has no rate, is paused, or draws nothing more. */
  readonly askedPerSec?: number;
}

export interface MemberStats {
  readonly workerId: string;
  readonly isConnected: boolean;
  readonly isReachable: boolean;
  readonly limit: number;
  /** How many slots it is counted with. */
  readonly counted: number;
  readonly issued: number;
  readonly waitingSessions: number;
}

export interface TimingStats {
  /** Of every phase begun, in order. */
  readonly phases: readonly PhaseStats[];
  readonly members: readonly MemberStats[];
  readonly lostWorkers: number;
  readonly violations: number;
}

export interface TimingCore {
  /** The first message of a stream. */
  helloReceived(streamId: StreamId, hello: Hello, now: number): void;
  /** Any further message. */
  messageReceived(streamId: StreamId, envelope: Envelope<WorkerMessage>, now: number): void;
  streamEnded(streamId: StreamId, now: number): void;
  /** A worker whose loop is busy asks beside its stream. False: its lease is not extended, and it is not to believe so. */
  extendLease(workerId: string, incarnation: Incarnation, now: number): boolean;
  /** The worker-manager has reaped this process: it certainly does nothing any more. */
  workerReaped(workerId: string, now: number): void;
  /** Measured round trip of a worker's connection; credits of an open loop are issued ahead by at least four of them. */
  roundTripMeasured(roundTripNs: number): void;
  /** When the time of a phase that is started now begins: a little later where its credits go out ahead of their due times. */
  startOf(spec: PhaseSpec, now: number): number;
  /**
   * Throws `failed_precondition` while the phase before has not come back, or, where that one is seamless, is not sent;
   * `invalid_argument` for a spec without stop condition.
   * @param startNs as of `startOf`; default: now
   */
  startPhase(spec: PhaseSpec, now: number, startNs?: number): void;
  /** Another load from now on, under way. Throws as `checkChange`; then nothing has changed. */
  adjustPhase(change: LoadChange, now: number): void;
  /**
   * Stops drawing and calls back what is unsent; what is in flight may go on for `graceNs` (default: the phase's). `phase`: its index;
   * default: every phase that has not come back.
   */
  stopPhase(reason: string, now: number, graceNs?: number, phase?: number): void;
  /** Stops, and ends what is in flight. */
  cancelPhase(reason: string, now: number, phase?: number): void;
  advance(now: number): void;
  /** When to call `advance`; may be past. */
  nextWakeNs(): number;
  stats(): TimingStats;
}
