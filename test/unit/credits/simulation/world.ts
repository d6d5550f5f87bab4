/**
 * A simulated suite around the real cores: timing, workers, a record processor, the records manager with its transactions, a target
 * that counts its own open requests, and a network between them. It runs one plan and holds the promises of the credit protocol
 * against what really happened in it.
 */
import type { Credit, Envelope, TimingMessage, WorkerMessage } from "../../../../services/common/credits.ts";
import { LEASE_TERMS } from "../../../../services/common/credits.ts";
import { type IdRange, IdRanges } from "../../../../services/common/id-ranges.ts";
import { idsOfShard, shardOf } from "../../../../services/common/record-shard.ts";
import { Relay } from "../../../../services/record-processor/core/relay.ts";
import {
  ACCOUNTS_OPTIONS,
  type AccountStore,
  Accounts,
  type ClosedPhase,
  type RecordKey,
  wholeClosing,
} from "../../../../services/records-manager/core/accounts.ts";
import { CommitAcks } from "../../../../services/records-manager/core/commit-acks.ts";
import type { DatasetShape } from "../../../../services/timing/core/dataset-shape.ts";
import type { PhaseReport, TimingCore } from "../../../../services/timing/core/edge.ts";
import { type FixedSchedule, fixedSchedule } from "../../../../services/timing/core/fixed-schedule.ts";
import type { LoadChange } from "../../../../services/timing/core/load-change.ts";
import { constantPacer } from "../../../../services/timing/core/pacers/constant.ts";
import type { Pacer } from "../../../../services/timing/core/pacers/pacer.ts";
import { poissonPacer } from "../../../../services/timing/core/pacers/poisson.ts";
import type { ConversationDraw, Load, PhaseSpec } from "../../../../services/timing/core/phase.ts";
import { createTimingCore } from "../../../../services/timing/core/timing.ts";
import { userCentricLoad } from "../../../../services/timing/core/user-centric.ts";
import { type CreditWorker, createCreditWorker } from "../../../../services/worker/core/credit-worker.ts";
import type { LeaseGuard, LifeSign } from "../../../../services/worker/core/lease.ts";
import { LeaseCell } from "../../../../services/worker/core/lease-cell.ts";
import { Outbox } from "../../../../services/worker/core/outbox.ts";
import { type Branching, randomBranching } from "./branching.ts";
import { Connection, MS, Process, type Random, Scheduler, SEC, seededRandom } from "./clockwork.ts";
import {
  type Fault,
  hasRate,
  isBounded,
  isBoundedAtTarget,
  isSchedule,
  isTimetable,
  type Plan,
  type PlannedPhase,
} from "./plan.ts";

const RUN = "run-1";
/** Longest that a request's socket takes to close after the worker wants it closed; with the way to the target below the lease terms' 0.9 s. */
const CLOSING_MS = 850;
/** Nothing in any plan lets a phase stand still for so long. */
const PATIENCE_MS = 60_000;
const END_OF_TIME_MS = 1_200_000;

const WORKER_FAULTS: ReadonlySet<Fault["kind"]> = new Set([
  "cut",
  "hold",
  "partition",
  "slow_dials",
  "freeze_worker",
  "busy_worker",
  "kill_worker",
  "partition_host",
  "kill_host",
]);
/** What keeps a records manager away for longer than its deadline allows. */
const MANAGER_FAULTS: ReadonlySet<Fault["kind"]> = new Set(["kill_manager", "partition_host", "kill_host"]);

/** As the thread that guards a lease has them. */
const GUARD_LOOK_NS = 250 * MS;
const GUARD_ANSWER_NS = 1_000 * MS;

type CreditConnection = Connection<Envelope<WorkerMessage>, Envelope<TimingMessage>>;

interface Request {
  readonly credit: Credit;
  readonly worker: SimWorker;
  isOpenAtTarget: boolean;
  /** It has arrived at the target, which has sent nothing of the answer. */
  isPrefilling: boolean;
  isOverAtTarget: boolean;
  isOver: boolean;
  isClosing: boolean;
  /** Its process was stopped while its lease ended: the one overlap that the protocol does not promise to prevent. */
  isExempt: boolean;
}

interface SimRecord extends RecordKey {
  readonly worker: string;
}

type Upload = { readonly seq: number; readonly rows: readonly SimRecord[] };

/** A worker's way to one shard. */
interface Lane {
  readonly shard: number;
  readonly outbox: Outbox<readonly SimRecord[]>;
  readonly spill: Map<number, readonly SimRecord[]>;
  upload: Connection<Upload, number> | undefined;
  /** Of the upload's processor. */
  uploadHost: number;
}

interface SimWorker {
  readonly process: Process;
  readonly host: number;
  readonly lanes: readonly Lane[];
  /** The thread beside its loop: the same clock, and frozen with it, but not busy with it. */
  readonly guard: Process;
  readonly id: string;
  readonly core: CreditWorker;
  readonly requests: Map<number, Request>;
  /** By session key: the last turn that ended with usable history. */
  readonly history: Map<string, number>;
  connection: CreditConnection | undefined;
  dial: number;
  incarnation: bigint;
  isPartitioned: boolean;
  isPartitionSilent: boolean;
  slowUntilNs: number;
  isFlushing: boolean;
}

export interface Outcome {
  /** Each begins with the property that does not hold. */
  readonly violations: readonly string[];
  readonly trace: readonly string[];
  readonly events: number;
  readonly sent: number;
  readonly lostWorkers: number;
  readonly closed: readonly ClosedPhase[];
  /** Committed rows by shard. */
  readonly rows: readonly number[];
}

export function runPlan(plan: Plan, isTraced = false): Outcome {
  return new World(plan, isTraced).run();
}

/** What one phase really did. */
interface PhaseTruth {
  readonly planned: PlannedPhase;
  readonly startNs: number;
  readonly wire: Set<number>;
  readonly fired: Set<number>;
  /** Undefined: no conversation begins others. */
  readonly branching: Branching | undefined;
  /** Sessions that another one began, by the latter and the conversation: whether all of them are over. */
  readonly children: Map<string, Map<number, boolean>>;
  askedTurns: number;
  concurrency: number;
  stoppedNs: number;
  sentNs: number;
  returnedNs: number;
  isStoppedByUser: boolean;
  report: PhaseReport | undefined;
  /** By shard. */
  readonly closings: Map<number, ClosedPhase>;
}

/** The manager's database: what is committed survives it. */
class Database {
  readonly rows = new Map<number, SimRecord>();
  readonly late = new Map<number, SimRecord>();
  readonly conflicts = new Set<number>();
  readonly closed = new Map<number, ClosedPhase>();
}

class Transaction implements AccountStore<SimRecord> {
  readonly #database: Database;
  #pending = new Database();

  constructor(database: Database) {
    this.#database = database;
  }

  insert(row: SimRecord): boolean {
    if (this.has(row.creditId)) return false;
    this.#pending.rows.set(row.creditId, row);
    return true;
  }

  has(creditId: number): boolean {
    return this.#database.rows.has(creditId) || this.#pending.rows.has(creditId);
  }

  insertLate(row: SimRecord): void {
    this.#pending.late.set(row.creditId, row);
  }

  markConflict(creditId: number): void {
    this.#pending.conflicts.add(creditId);
  }

  writeClosed(closed: ClosedPhase): void {
    this.#pending.closed.set(closed.phase, closed);
  }

  keys(): Iterable<SimRecord> {
    return this.#database.rows.values();
  }

  closedPhases(): Iterable<ClosedPhase> {
    return this.#database.closed.values();
  }

  commit(): void {
    for (const [id, row] of this.#pending.rows) this.#database.rows.set(id, row);
    for (const [id, row] of this.#pending.late) this.#database.late.set(id, row);
    for (const id of this.#pending.conflicts) this.#database.conflicts.add(id);
    for (const [phase, closed] of this.#pending.closed) this.#database.closed.set(phase, closed);
    this.#pending = new Database();
  }
}

interface SimManager {
  readonly shard: number;
  readonly host: number;
  readonly process: Process;
  readonly accounts: Accounts<SimRecord>;
  readonly acks: CommitAcks;
  readonly transaction: Transaction;
  isCommitDue: boolean;
  /** Rows that its live figures have: those that it found, and what it has said to be inserted. */
  live: number;
  /** Of the open transaction. */
  inserted: number;
}

interface SimProcessor {
  readonly index: number;
  readonly host: number;
  readonly process: Process;
  readonly shards: readonly ProcessorShard[];
}

/** A processor's way to one shard. */
interface ProcessorShard {
  readonly shard: number;
  readonly relay: Relay;
  readonly workers: Map<number, Connection<Upload, number>>;
  upstream: Connection<Upload, number> | undefined;
  managerSeq: number;
}

class World {
  readonly #plan: Plan;
  readonly #random: Random;
  readonly #scheduler = new Scheduler();
  readonly #violations: string[] = [];
  readonly #trace: string[] = [];
  readonly #isTraced: boolean;
  readonly #timingProcess: Process;
  readonly #timing: TimingCore;
  readonly #workers: SimWorker[] = [];
  readonly #streams = new Map<number, CreditConnection>();
  readonly #open = new Set<Request>();
  readonly #phases: PhaseTruth[] = [];
  readonly #issuedTo = new Map<number, string>();
  readonly #firedIds = new Set<number>();
  readonly #firedIndexes = new Set<string>();
  readonly #databases: readonly Database[];
  readonly #begun = new Set<number>();
  readonly #managers: (SimManager | undefined)[] = [];
  readonly #processors: (SimProcessor | undefined)[] = [];
  readonly #hostsCutUntilNs = new Map<number, number>();
  #nextStream = 1;
  #workerCount = 0;
  #incarnation = 100n;
  #hangUntilNs = 0;
  /** What timing told of each phase before it died. */
  readonly #lastTold = new Map<number, IdRange>();
  /** Of timing, in true time. */
  readonly #stalls: { readonly fromNs: number; readonly untilNs: number }[] = [];
  #allowed = Number.POSITIVE_INFINITY;
  #wantedAllowed = Number.POSITIVE_INFINITY;
  #sent = 0;
  #lost = 0;
  #isTimingDead = false;
  readonly #hasFaults: boolean;
  /** Whether anything can keep a worker from answering; a stall of timing must not. */
  readonly #hasWorkerFaults: boolean;

  constructor(plan: Plan, isTraced: boolean) {
    this.#plan = plan;
    this.#isTraced = isTraced;
    this.#random = seededRandom(plan.seed);
    this.#databases = Array.from({ length: plan.shards }, () => new Database());
    this.#hasFaults = plan.faults.length > 0;
    this.#hasWorkerFaults = plan.faults.some(({ kind }) => WORKER_FAULTS.has(kind));
    this.#timingProcess = new Process(this.#scheduler, "T", { offsetNs: 7e12, rate: 1 + (plan.clockRates[0] ?? 0) });
    this.#timing = createTimingCore(
      { runId: RUN, wantsFirstToken: true, incarnation: 42n, terms: LEASE_TERMS },
      {
        send: (streamId, envelope) => {
          this.#log(() => `T → stream ${streamId}: ${describe(envelope)}`);
          if (envelope.body.kind === "issue") this.#checkIssue(streamId, envelope.body.credits);
          this.#streams.get(streamId)?.toClient(envelope);
        },
        endStream: (streamId, _code, message) => {
          this.#log(() => `T ends stream ${streamId}: ${message}`);
          this.#streams.get(streamId)?.closeByServer();
        },
        sendingComplete: (phase) => {
          this.#log(() => `T: phase ${phase} sending complete`);
          const truth = this.#phases[phase]!;
          truth.sentNs = this.#scheduler.nowNs;
          if (truth.stoppedNs < Number.POSITIVE_INFINITY) {
            this.#checkBound(`sending of phase ${phase}`, truth.stoppedNs, 2 * SEC + LEASE_TERMS.timingLeaseNs);
          }
          if (truth.planned.isSeamless && !truth.isStoppedByUser) this.#startSoon(phase + 1);
        },
        returningComplete: (report) => this.#phaseReturned(report),
        workerLost: ({ workerId, reason, lostCredits }) => {
          this.#lost++;
          if (!this.#hasWorkerFaults)
            this.#fail(`P5 worker ${workerId} was declared lost (${reason}) and nothing was wrong with it`);
          this.#log(() => `T: worker ${workerId} lost, ${reason}, ${lostCredits} credits`);
        },
        slotsUnplaced: ({ unplaced }) =>
          this.#fail(`P5 ${unplaced} slots find no worker, and no worker has said that it is full`),
        violation: (message) => this.#fail(`P6 ${message}`),
      },
    );
  }

  run(): Outcome {
    for (let shard = 0; shard < this.#plan.shards; shard++) this.#startManager(shard);
    for (let index = 0; index < this.#plan.processors; index++) this.#startProcessor(index);
    for (let i = 0; i < this.#plan.workers; i++) this.#startWorker([], i % this.#plan.hosts);
    for (const fault of this.#plan.faults) this.#scheduler.at(fault.atMs * MS, () => this.#inject(fault));
    this.#scheduler.at(50 * MS, () => this.#startPhase(0));
    this.#watchHeadway("");
    this.#armTiming();
    const events = this.#scheduler.run(END_OF_TIME_MS * MS, () => this.#isFinished);
    if (!this.#isFinished && this.#violations.length === 0)
      this.#fail(
        `P5 the run hangs: ${this.#phases.length} phases begun, last ${JSON.stringify(this.#isTimingDead ? "" : this.#timing.stats())}`,
      );
    this.#checkAtEnd();
    return {
      violations: this.#violations,
      trace: this.#trace,
      events,
      sent: this.#sent,
      lostWorkers: this.#lost,
      closed: this.#databases.flatMap(({ closed }) => [...closed.values()]),
      rows: this.#databases.map(({ rows }) => rows.size),
    };
  }

  #watchHeadway(before: string): void {
    this.#scheduler.after(PATIENCE_MS * MS, () => {
      if (this.#isTimingDead) return;
      const counts = JSON.stringify(this.#timing.stats().phases);
      if (counts === before && this.#phases.at(-1)?.returnedNs === Number.POSITIVE_INFINITY)
        this.#fail(`P5 a phase makes no headway: ${JSON.stringify(this.#timing.stats())}`);
      else this.#watchHeadway(counts);
    });
  }

  get #isFinished(): boolean {
    if (this.#violations.length > 0) return true;
    const all = this.#isTimingDead ? this.#phases.length : this.#plan.phases.length;
    return this.#phases.length === all && this.#phases.every((truth) => this.#isClosed(truth)) && this.#areOutboxesEmpty;
  }

  get #areOutboxesEmpty(): boolean {
    return this.#workers.every(
      ({ process, lanes, requests }) =>
        process.isDead || (lanes.every(({ outbox }) => outbox.count === 0) && requests.size === 0),
    );
  }

  #isClosed({ closings }: PhaseTruth): boolean {
    return closings.size === this.#plan.shards;
  }

  #shardOf(creditId: number): number {
    return shardOf(creditId, this.#plan.shards, this.#plan.shardBlock);
  }

  #idsOf(ids: IdRanges, shard: number): IdRanges {
    return idsOfShard(ids, shard, this.#plan.shards, this.#plan.shardBlock);
  }

  /** Nothing is between the two that lets nothing through. */
  #reaches(a: number, b: number): boolean {
    const isCut = (host: number): boolean => (this.#hostsCutUntilNs.get(host) ?? 0) > this.#scheduler.nowNs;
    return a === b || (!isCut(a) && !isCut(b));
  }

  #isCutFromTiming(worker: SimWorker): boolean {
    return worker.isPartitioned || !this.#reaches(worker.host, 0);
  }

  #log(line: () => string): void {
    if (this.#isTraced) this.#trace.push(`${(this.#scheduler.nowNs / MS).toFixed(2).padStart(9)} ms  ${line()}`);
  }

  #fail(violation: string): void {
    this.#log(() => `!! ${violation}`);
    this.#violations.push(violation);
  }

  #delayNs(): number {
    return this.#plan.networkMs * MS * (0.5 + this.#random() * (this.#random() < 0.02 ? 20 : 1));
  }

  // --- timing ---

  #inTiming(run: (now: number) => void): void {
    this.#timingProcess.deliver(() => {
      run(this.#timingProcess.now());
      this.#armTiming();
    });
  }

  #armTiming(): void {
    this.#timingProcess.arm(this.#timing.nextWakeNs(), () => this.#inTiming((now) => this.#timing.advance(now)));
    this.#settleAllowed();
  }

  #startPhase(index: number): void {
    const planned = this.#plan.phases[index]!;
    const truth: PhaseTruth = {
      planned,
      startNs: this.#scheduler.nowNs,
      wire: new Set(),
      fired: new Set(),
      branching: planned.isBranching ? randomBranching(this.#random, isTimetable(planned) ? 10 : 7, planned.maxTurns) : undefined,
      children: new Map(),
      askedTurns: 0,
      concurrency: planned.concurrency,
      stoppedNs: Number.POSITIVE_INFINITY,
      sentNs: Number.POSITIVE_INFINITY,
      returnedNs: Number.POSITIVE_INFINITY,
      isStoppedByUser: false,
      report: undefined,
      closings: new Map(),
    };
    this.#inTiming((now) => {
      if (this.#isTimingDead) return;
      this.#phases.push(truth);
      this.#log(() => `T: phase ${index} starts, ${JSON.stringify(planned)}`);
      if (planned.durationMs !== undefined) truth.stoppedNs = this.#timingProcess.trueAt(now + planned.durationMs * MS);
      this.#wantAllowed(isBoundedAtTarget(planned) ? planned.concurrency : Number.POSITIVE_INFINITY);
      this.#timing.startPhase(this.#specOf(index, planned, truth), now);
    });
  }

  #specOf(index: number, planned: PlannedPhase, truth: PhaseTruth): PhaseSpec {
    const rate = planned.ratePerSec;
    const pacer = () =>
      index % 2 === 0 ? constantPacer(rate) : poissonPacer(rate, { exponential: () => -Math.log(1 - this.#random()) });
    const { branching } = truth;
    const timetable = this.#timetableOf(planned, branching);
    const { prefill } = planned;
    return {
      index,
      name: `phase-${index}`,
      kind: "profiling",
      load: timetable?.load ?? this.#loadOf(planned, pacer()),
      ...(prefill === undefined ? {} : { prefill }),
      isSeamless: planned.isSeamless,
      stop: {
        ...(planned.requestCount === undefined ? {} : { requestCount: planned.requestCount }),
        ...(planned.sessionCount === undefined ? {} : { sessionCount: planned.sessionCount }),
        ...(planned.durationMs === undefined ? {} : { durationNs: planned.durationMs * MS }),
      },
      graceNs: planned.durationMs === undefined ? Number.POSITIVE_INFINITY : planned.graceMs * MS,
      conversations: {
        isMultiTurn: planned.maxTurns > 1 || branching !== undefined,
        branches: branching,
        draw: (session) => {
          const drawn = timetable === undefined ? this.#drawnOf(planned, branching, session) : timetable.draw(session);
          if (drawn !== undefined) {
            truth.askedTurns += branching?.requestsOf(drawn.conversation, drawn.turns) ?? drawn.turns;
          }
          return drawn;
        },
        delayNs: () => planned.turnDelayMs * MS,
      },
    };
  }

  #drawnOf(planned: PlannedPhase, branching: Branching | undefined, session: number): ConversationDraw {
    if (branching !== undefined) return { conversation: session % 7, turns: branching.turnsOf(session % 7) };
    return { conversation: session % 7, turns: 1 + Math.floor(this.#random() * planned.maxTurns) };
  }

  #loadOf(planned: PlannedPhase, pacer: Pacer): Load {
    const { concurrency, unit } = planned;
    switch (planned.load) {
      case "closed":
        return { kind: "closed", concurrency, unit };
      case "open":
        return { kind: "open", pacer };
      default:
        return {
          kind: "ceiling",
          pacer,
          concurrency,
          unit,
          overload: planned.load === "ceiling_drop" ? "drop" : "queue",
        };
    }
  }

  /** Sessions with times of their own; undefined: the load has none. */
  #timetableOf(planned: PlannedPhase, branching: Branching | undefined): Pick<FixedSchedule, "load" | "draw"> | undefined {
    const { load, concurrency: limit, unit, ratePerSec, turnDelayMs, maxTurns } = planned;
    if (!isTimetable(planned)) return undefined;
    const roots = 10;
    const turns = Array.from(
      { length: branching?.size ?? roots },
      (_, conversation) => branching?.turnsOf(conversation) ?? 1 + Math.floor(this.#random() * maxTurns),
    );
    // Times out of order, some of them equal, and later turns with a time or a pause.
    const timesUs = turns.map((count) =>
      Array.from({ length: count }, (_, turn) => (turn > 0 && this.#random() < 0.5 ? Number.NaN : this.#timeUs())),
    );
    const dataset: DatasetShape = {
      conversations: turns.length,
      turnsOf: (conversation) => turns[conversation]!,
      isMultiTurn: maxTurns > 1 || branching !== undefined,
      branches: branching,
      roots: Uint32Array.from({ length: roots }, (_, conversation) => conversation),
      delayNs: () => turnDelayMs * MS,
      timestampUs: (conversation, turn) => timesUs[conversation]![turn]!,
      order: "sequential",
      samplingSeed: 1,
    };
    const concurrency = isBounded(load) ? limit : Number.POSITIVE_INFINITY;
    if (isSchedule(load)) return fixedSchedule(dataset, { isAutoOffset: this.#random() < 0.5, concurrency, unit });
    const conversationOf = (user: number): number => user % roots;
    return userCentricLoad(dataset, { users: 1 + (limit % 4), ratePerSec, conversationOf, concurrency, unit });
  }

  #timeUs(): number {
    return Math.floor(this.#random() * 20) * 50_000;
  }

  /** The limit that the target's count is held against: a raise at once, a cut when timing counts it as done and the last closing has arrived. */
  #wantAllowed(limit: number): void {
    this.#wantedAllowed = limit;
    if (limit >= this.#allowed) this.#allowed = limit;
    this.#settleAllowed();
  }

  #settleAllowed(): void {
    if (this.#allowed <= this.#wantedAllowed || this.#isTimingDead) return;
    let counted = 0;
    for (const member of this.#timing.stats().members) counted += member.counted;
    if (counted > this.#wantedAllowed) return;
    const wanted = this.#wantedAllowed;
    this.#scheduler.after(this.#plan.targetMs * MS, () => {
      if (this.#wantedAllowed === wanted) this.#allowed = wanted;
    });
  }

  #checkIssue(streamId: number, credits: readonly Credit[]): void {
    for (const credit of credits) {
      const truth = this.#phases[credit.phase]!;
      const isResend = this.#issuedTo.has(credit.id);
      this.#issuedTo.set(credit.id, `stream ${streamId}`);
      if (!isResend && truth.sentNs < Number.POSITIVE_INFINITY)
        this.#fail(`P6 credit ${credit.id} issued after sending complete of phase ${credit.phase}`);
    }
  }

  #phaseReturned(report: PhaseReport): void {
    const { phase } = report.account;
    const truth = this.#phases[phase]!;
    this.#log(() => `T: phase ${phase} returning complete, ${JSON.stringify(report.counts)}`);
    truth.report = report;
    truth.returnedNs = this.#scheduler.nowNs;
    const graceMs =
      truth.isStoppedByUser || truth.planned.durationMs !== undefined ? truth.planned.graceMs : Number.POSITIVE_INFINITY;
    const fromNs = Number.isFinite(truth.stoppedNs) ? Math.max(truth.sentNs, truth.stoppedNs) : truth.sentNs;
    this.#checkBound(`returning of phase ${phase}`, fromNs, graceMs * MS + 2 * SEC + LEASE_TERMS.timingLeaseNs);
    this.#checkAccount(truth, report);
    for (let shard = 0; shard < this.#plan.shards; shard++) this.#handOver(phase, report, shard);
    this.#startSoon(phase + 1);
  }

  /** Once; the controller's way takes its time. */
  #startSoon(phase: number): void {
    if (phase >= this.#plan.phases.length || this.#begun.has(phase)) return;
    this.#begun.add(phase);
    this.#scheduler.after(10 * MS, () => this.#startPhase(phase));
  }

  #checkBound(what: string, fromNs: number, boundNs: number): void {
    // A stall keeps timing from seeing a moment, or is added to what it waits for: never both.
    const stalledNs = this.#stalls.reduce((sum, stall) => sum + Math.max(0, stall.untilNs - Math.max(stall.fromNs, fromNs)), 0);
    const slackNs = 0.3 * SEC + boundNs * 0.002 + stalledNs + 4 * this.#plan.networkMs * MS * 20;
    const tookNs = this.#scheduler.nowNs - fromNs;
    if (tookNs > boundNs + slackNs)
      this.#fail(`P5 ${what} took ${(tookNs / MS).toFixed(0)} ms, bound ${(boundNs / MS).toFixed(0)} ms`);
  }

  /** The account against what really happened. */
  #checkAccount(truth: PhaseTruth, { account, counts, stopReason, abandonedTurns }: PhaseReport): void {
    const { drawn, unused, dropped, lost } = account;
    const sent = drawn.subtract(unused).subtract(dropped).subtract(lost);
    if (counts.issued !== 0 || sent.count !== counts.sent)
      this.#fail(`P3 counts ${JSON.stringify(counts)} do not fit ${sent.count} sent`);
    if (!isPartition(drawn, [unused, dropped, lost, sent])) this.#fail("P3 the account is not a partition of the drawn ids");
    for (const id of sent) if (!truth.fired.has(id)) this.#fail(`P6 credit ${id} counts as sent and never was`);
    for (const id of [...unused, ...dropped])
      if (truth.fired.has(id)) this.#fail(`P6 credit ${id} counts as unused or dropped and was sent`);
    for (const id of truth.fired) if (!drawn.has(id)) this.#fail(`P6 credit ${id} was sent and never drawn`);
    const { requestCount, sessionCount } = truth.planned;
    if (stopReason !== undefined) return;
    const used = counts.sent + counts.lost + counts.dropped;
    if (requestCount !== undefined && used !== requestCount)
      this.#fail(`P1 asked ${requestCount}, sent + lost + dropped = ${used}`);
    if (isSchedule(truth.planned.load) && sessionCount === undefined && used + abandonedTurns !== truth.askedTurns) {
      this.#fail(`P1 a schedule of ${truth.askedTurns} turns, sent + lost + dropped + abandoned = ${used + abandonedTurns}`);
    }
    if (sessionCount !== undefined && truth.planned.load !== "ceiling_drop" && used + abandonedTurns !== truth.askedTurns) {
      this.#fail(`P1 asked ${truth.askedTurns} turns, sent + lost + dropped + abandoned = ${used + abandonedTurns}`);
    }
    if (!this.#hasFaults && counts.lost > 0) this.#fail("P1 a credit was lost without a fault");
    if (!this.#hasFaults && requestCount !== undefined && truth.planned.load !== "ceiling_drop" && counts.sent !== requestCount) {
      this.#fail(`P1 asked ${requestCount}, sent ${counts.sent} without a fault`);
    }
  }

  // --- workers ---

  /** @param inherited what its predecessor had spilled, by shard */
  #startWorker(inherited: readonly (readonly (readonly SimRecord[])[])[], host: number): void {
    const number = this.#workerCount++;
    const id = `W${number}`;
    const rate = 1 + (this.#plan.clockRates[1 + (number % 3)] ?? 0);
    const clock = { offsetNs: 3e12 + number * 1e12, rate };
    const process = new Process(this.#scheduler, id, clock);
    const guard = new Process(this.#scheduler, `${id}'s guard`, clock);
    const leaseGuard = this.#guardLease(id, guard);
    const worker: SimWorker = {
      process,
      guard,
      host,
      lanes: this.#databases.map((_, shard) => this.#laneOf(() => worker, shard)),
      id,
      core: createCreditWorker(
        {
          version: 1,
          token: "",
          runId: RUN,
          workerId: id,
          renewEveryNs: LEASE_TERMS.renewEveryNs,
          random: this.#random,
          newIncarnation: () => this.#incarnation++,
          clock: () => process.now(),
          guard: leaseGuard,
        },
        {
          fire: (credit) => this.#fire(worker, credit),
          cancelInFlight: (ids, reason) => this.#closeRequests(worker, ids, reason),
          send: (envelope) => {
            this.#log(() => `${id} → T: ${describe(envelope)}`);
            if (envelope.body.kind === "hello") this.#checkHello(worker, envelope.body.incarnation);
            worker.connection?.toServer(envelope);
          },
          wantDial: (dial) => this.#dial(worker, dial),
          endStream: (_dial, reason) => {
            this.#log(() => `${id} ends its stream: ${reason}`);
            worker.connection?.closeByClient();
          },
          leaseOverrun: (overrunNs, inFlight) =>
            this.#log(() => `${id}: lease over since ${(overrunNs / MS).toFixed(0)} ms, ${inFlight} in flight`),
          fenced: (reason) => {
            this.#log(() => `${id}: fenced, ${reason}`);
            worker.history.clear();
          },
        },
      ),
      requests: new Map(),
      history: new Map(),
      connection: undefined,
      dial: 0,
      incarnation: 0n,
      isPartitioned: false,
      isPartitionSilent: false,
      slowUntilNs: 0,
      isFlushing: false,
    };
    this.#workers.push(worker);
    this.#log(() => `${id} starts`);
    for (const [shard, batches] of inherited.entries()) {
      for (const rows of batches) worker.lanes[shard]!.outbox.add(rows, rows.length);
    }
    process.after(5 * MS * this.#random(), () => {
      worker.core.start(process.now());
      this.#armWorker(worker);
      for (const lane of worker.lanes) this.#dialProcessor(worker, lane);
    });
  }

  #laneOf(worker: () => SimWorker, shard: number): Lane {
    const lane: Lane = {
      shard,
      outbox: new Outbox<readonly SimRecord[]>(
        { windowBytes: 30, memoryBytes: 40, totalBytes: 1e9 },
        {
          send: ({ seq, payload }) => lane.upload?.toServer({ seq, rows: payload }),
          spill: ({ seq, payload }) => lane.spill.set(seq, payload),
          readSpilled: (seq) => worker().process.after(1 * MS, () => lane.outbox.readBack(seq, lane.spill.get(seq)!)),
          release: (rows) => this.#checkCommitted(rows),
          spillEmpty: () => lane.spill.clear(),
        },
      ),
      spill: new Map(),
      upload: undefined,
      uploadHost: 0,
    };
    return lane;
  }

  #checkHello(worker: SimWorker, incarnation: bigint): void {
    if (incarnation !== worker.incarnation && worker.requests.size > 0) {
      this.#fail(`P2 ${worker.id} says hello anew with ${worker.requests.size} requests of its last incarnation open`);
    }
    worker.incarnation = incarnation;
  }

  #inWorker(worker: SimWorker, run: (now: number) => void): void {
    worker.process.deliver(() => {
      run(worker.process.now());
      this.#armWorker(worker);
    });
  }

  #armWorker(worker: SimWorker): void {
    worker.process.arm(worker.core.nextWakeNs(), () => this.#inWorker(worker, (now) => worker.core.advance(now)));
  }

  #dial(worker: SimWorker, dial: number): void {
    worker.connection?.closeByClient();
    worker.dial = dial;
    const openNs = this.#delayNs() + this.#delayNs();
    if (this.#isCutFromTiming(worker)) {
      if (!worker.isPartitionSilent) {
        worker.process.after(openNs, () => this.#inWorker(worker, (now) => worker.core.streamEnded(dial, now)));
      }
      return;
    }
    worker.process.after(openNs, () => {
      if (worker.dial !== dial) return;
      const streamId = this.#nextStream++;
      const isSlow = this.#scheduler.nowNs < worker.slowUntilNs;
      const extraNs = isSlow ? this.#random() * 3 * SEC : 0;
      const connection: CreditConnection = new Connection(this.#scheduler, () => this.#delayNs() + extraNs, {
        client: worker.process,
        server: this.#timingProcess,
        atServer: (envelope) =>
          this.#inTiming((now) => {
            this.#log(() => `    T reads from stream ${streamId}: ${describe(envelope)}`);
            if (envelope.body.kind === "hello") this.#timing.helloReceived(streamId, envelope.body, now);
            else this.#timing.messageReceived(streamId, envelope, now);
          }),
        atClient: (envelope) =>
          this.#inWorker(worker, (now) => {
            this.#log(() => `    ${worker.id} reads: ${describe(envelope)}`);
            worker.core.messageReceived(dial, this.#translated(worker, envelope), now);
          }),
        serverEnded: () => this.#inTiming((now) => this.#timing.streamEnded(streamId, now)),
        clientEnded: () => this.#inWorker(worker, (now) => worker.core.streamEnded(dial, now)),
      });
      this.#log(() => `${worker.id} dials (${dial}): stream ${streamId}`);
      this.#streams.set(streamId, connection);
      worker.connection = connection;
      this.#inWorker(worker, (now) => worker.core.connected(dial, now));
    });
  }

  /** Due times are on timing's clock; the worker's edge translates them to its own. */
  #translated(worker: SimWorker, envelope: Envelope<TimingMessage>): Envelope<TimingMessage> {
    const { body } = envelope;
    const local = (dueNs: number) => (dueNs === 0 ? 0 : worker.process.clockAt(this.#timingProcess.trueAt(dueNs)));
    if (body.kind === "issue") {
      return {
        ...envelope,
        body: { ...body, credits: body.credits.map((credit) => ({ ...credit, dueNs: local(credit.dueNs) })) },
      };
    }
    if (body.kind === "recall" && body.scope.kind === "due_after") {
      return { ...envelope, body: { ...body, scope: { kind: "due_after", dueAfterNs: local(body.scope.dueAfterNs) } } };
    }
    return envelope;
  }

  #fire(worker: SimWorker, credit: Credit): void {
    const truth = this.#phases[credit.phase]!;
    const { id, index, phase } = credit;
    this.#log(() => `${worker.id} fires credit ${id} (index ${index}, session ${credit.sessionId} turn ${credit.turn})`);
    this.#sent++;
    if (this.#firedIds.has(id)) this.#fail(`P6 credit ${id} sent twice`);
    this.#firedIds.add(id);
    const indexKey = `${phase}/${index}`;
    if (this.#firedIndexes.has(indexKey)) this.#fail(`P1 request ${indexKey} sent twice`);
    this.#firedIndexes.add(indexKey);
    truth.fired.add(id);
    if (truth.planned.requestCount !== undefined && truth.fired.size > truth.planned.requestCount) {
      this.#fail(`P1 ${truth.fired.size} sent, ${truth.planned.requestCount} asked`);
    }
    if (truth.sentNs < Number.POSITIVE_INFINITY) this.#fail(`P6 credit ${id} sent after sending complete`);
    if (credit.dueNs > worker.process.now() + 1) this.#fail(`P6 credit ${id} sent before it was due`);
    this.#checkTurn(worker, credit);
    this.#checkTrees(truth, credit);
    const request: Request = {
      credit,
      worker,
      isOpenAtTarget: false,
      isPrefilling: false,
      isOverAtTarget: false,
      isOver: false,
      isClosing: false,
      isExempt: false,
    };
    worker.requests.set(id, request);
    if (this.#random() < this.#plan.failureRatio / 2) {
      // It cannot be made: fired and ended in the same breath.
      this.#endRequest(request, true);
      return;
    }
    if (this.#random() < 0.9) this.#write(request);
    else
      worker.process.after(this.#random() * this.#plan.fetchMs * MS, () =>
        this.#inWorker(worker, () => this.#writeFetched(request)),
      );
  }

  #checkTurn(worker: SimWorker, credit: Credit): void {
    const { phase, sessionId, turn, parentSession, forkedAt } = credit;
    const key = `${phase}/${sessionId}`;
    if (parentSession !== undefined && turn === 0) {
      const parent = `${phase}/${parentSession}`;
      if (forkedAt !== undefined && (worker.history.get(parent) ?? -1) < forkedAt) {
        this.#fail(`P7 ${worker.id} forks session ${key} from turn ${forkedAt} of ${parent}, which it does not have`);
      }
      this.#childrenOf(credit)?.set(sessionId, false);
    }
    this.#checkJoin(credit);
    if (turn > 0 && worker.history.get(key) !== turn - 1) {
      this.#fail(`P7 ${worker.id} plays turn ${turn} of session ${key}, its history ends at ${worker.history.get(key)}`);
    }
    if (turn === 0 && worker.history.has(key)) this.#fail(`P7 session ${key} begins twice`);
  }

  /** Trees that have requests out are as many as the concurrency at most. */
  #checkTrees({ branching, planned }: PhaseTruth, { phase, rootSession, sessionId }: Credit): void {
    if (branching === undefined || this.#hasFaults || planned.unit === "request" || !isBounded(planned.load)) return;
    const roots = new Set([rootSession ?? sessionId]);
    for (const { requests } of this.#workers.values()) {
      for (const { credit } of requests.values()) if (credit.phase === phase) roots.add(credit.rootSession ?? credit.sessionId);
    }
    if (roots.size > planned.concurrency) this.#fail(`P2 ${roots.size} trees at once, limit ${planned.concurrency}`);
  }

  /** Sessions that the parent of this credit's session began with its conversation. */
  #childrenOf({ phase, parentSession, conversation }: Credit): Map<number, boolean> | undefined {
    if (parentSession === undefined) return undefined;
    const { children } = this.#phases[phase]!;
    const key = `${parentSession}/${conversation}`;
    const known = children.get(key) ?? new Map<number, boolean>();
    children.set(key, known);
    return known;
  }

  /** A turn that waits for sessions is played when all of them are over, and where nothing goes wrong there have been all. */
  #checkJoin({ phase, conversation, sessionId, turn }: Credit): void {
    const { branching, children } = this.#phases[phase]!;
    const branches = branching?.of(conversation) ?? [];
    // Of a conversation that is begun at two places a credit does not tell which one it was.
    const isNamedOnce = (child: number) => branches.filter((branch) => branch.children.includes(child)).length === 1;
    for (const branch of branches) {
      if (branch.joinAt !== turn) continue;
      for (const child of branch.children.filter(isNamedOnce)) {
        const begun = children.get(`${sessionId}/${child}`) ?? new Map<number, boolean>();
        const isMissing = begun.size === 0 && !this.#hasFaults && this.#plan.failureRatio === 0 && !branching?.isSilent(child);
        if (isMissing || [...begun.values()].includes(false)) {
          this.#fail(`P7 turn ${turn} of session ${phase}/${sessionId} does not wait for conversation ${child}`);
        }
      }
    }
  }

  /** Its turn had to be fetched first; meanwhile the lease may have ended, or the phase. */
  #writeFetched(request: Request): void {
    if (request.isOver) return;
    if (request.worker.core.mayWrite(request.credit.id)) this.#write(request);
    else this.#endRequest(request, true);
  }

  #write(request: Request): void {
    if (request.isClosing) this.#fail(`P2 credit ${request.credit.id} is written after it was to be ended`);
    request.isExempt = false;
    const { worker, credit } = request;
    worker.process.after(this.#plan.requestTimeoutMs * MS, () => this.#closeRequests(worker, [credit.id], "timeout"));
    this.#scheduler.after(this.#plan.targetMs * MS, () => this.#arrive(request));
  }

  #arrive(request: Request): void {
    if (request.isOverAtTarget) return;
    request.isOpenAtTarget = true;
    this.#open.add(request);
    let open = 0;
    for (const { isExempt } of this.#open) if (!isExempt) open++;
    if (open > this.#allowed) {
      const who = [...this.#open].filter(({ isExempt }) => !isExempt).map(({ credit, worker }) => `${worker.id}:${credit.id}`);
      this.#fail(`P2 ${open} requests open at the target, limit ${this.#allowed}: ${who.join(" ")}`);
    }
    request.isPrefilling = true;
    this.#checkPrefill(request.credit.phase);
    const serviceNs = this.#plan.serviceMs * MS * -Math.log(1 - this.#random());
    const answerNs = Math.max(this.#scheduler.nowNs + serviceNs, this.#hangUntilNs);
    if (answerNs === Number.POSITIVE_INFINITY) return;
    if (this.#random() < 0.5) this.#scheduler.after(serviceNs / 2, () => this.#firstToken(request));
    this.#scheduler.at(answerNs, () => this.#answer(request));
  }

  #checkPrefill(phase: number): void {
    const limit = this.#phases[phase]!.planned.prefill ?? Number.POSITIVE_INFINITY;
    let prefilling = 0;
    for (const request of this.#open) {
      if (request.isPrefilling && !request.isExempt) prefilling++;
    }
    const isLast = phase === this.#phases.length - 1;
    if (isLast && prefilling > limit)
      this.#fail(`P2 ${prefilling} requests of phase ${phase} wait for their first token, limit ${limit}`);
  }

  #firstToken(request: Request): void {
    request.isPrefilling = false;
    const { worker, credit } = request;
    this.#scheduler.after(this.#plan.targetMs * MS, () =>
      this.#inWorker(worker, () => {
        if (request.isOver) return;
        worker.core.firstToken(credit.id);
        worker.core.flushReturns();
      }),
    );
  }

  #answer(request: Request): void {
    if (request.isOverAtTarget) return;
    if (this.#scheduler.nowNs < this.#hangUntilNs) {
      if (this.#hangUntilNs < Number.POSITIVE_INFINITY) this.#scheduler.at(this.#hangUntilNs, () => this.#answer(request));
      return;
    }
    request.isOverAtTarget = true;
    this.#open.delete(request);
    const { worker } = request;
    this.#scheduler.after(this.#plan.targetMs * MS, () =>
      this.#inWorker(worker, () => this.#endRequest(request, this.#random() < this.#plan.failureRatio)),
    );
  }

  #closeRequests(worker: SimWorker, ids: readonly number[], reason: string): void {
    for (const id of ids) {
      const request = worker.requests.get(id);
      if (request === undefined || request.isOver || request.isClosing) continue;
      request.isClosing = true;
      const closingMs = this.#random() < 0.8 ? this.#random() : this.#random() * CLOSING_MS;
      worker.process.after(closingMs * MS, () => {
        if (request.isOver) return;
        this.#log(() => `${worker.id} closes credit ${id}: ${reason}`);
        this.#scheduler.after(this.#plan.targetMs * MS, () => this.#closedAtTarget(request));
        this.#inWorker(worker, () => this.#endRequest(request, true));
      });
    }
  }

  #closedAtTarget(request: Request): void {
    request.isOverAtTarget = true;
    this.#open.delete(request);
  }

  #endRequest(request: Request, sessionOver: boolean): void {
    if (request.isOver) return;
    request.isOver = true;
    const { worker, credit } = request;
    worker.requests.delete(credit.id);
    if (!sessionOver) worker.history.set(`${credit.phase}/${credit.sessionId}`, credit.turn);
    if (sessionOver || credit.turn + 1 === credit.turns) this.#childrenOf(credit)?.set(credit.sessionId, true);
    const row = { phase: credit.phase, creditId: credit.id, worker: worker.id };
    worker.lanes[this.#shardOf(credit.id)]!.outbox.add([row], 1 + Math.floor(this.#random() * 12));
    worker.core.requestEnded(credit.id, { sessionOver }, worker.process.now());
    if (worker.isFlushing) return;
    worker.isFlushing = true;
    worker.process.after(this.#random() * MS, () =>
      this.#inWorker(worker, () => {
        worker.isFlushing = false;
        worker.core.flushReturns();
      }),
    );
  }

  // --- the record path ---

  #dialProcessor(worker: SimWorker, lane: Lane): void {
    worker.process.after(this.#delayNs() * 2, () => {
      const alive = this.#processors.filter((one) => one !== undefined);
      const processor = alive[Math.floor(this.#random() * alive.length)];
      if (processor === undefined || worker.isPartitioned || !this.#reaches(worker.host, processor.host)) {
        worker.process.after(100 * MS, () => this.#dialProcessor(worker, lane));
        return;
      }
      const part = processor.shards[lane.shard]!;
      const stream = this.#nextStream++;
      const connection: Connection<Upload, number> = new Connection(this.#scheduler, () => this.#delayNs(), {
        client: worker.process,
        server: processor.process,
        atServer: (upload) => this.#forward(processor, part, stream, upload),
        atClient: (seq) => lane.outbox.acked(seq),
        serverEnded: () => {
          part.workers.delete(stream);
          part.relay.workerStreamEnded(stream);
        },
        clientEnded: () => {
          lane.outbox.streamEnded();
          lane.upload = undefined;
          worker.process.after(50 * MS, () => this.#dialProcessor(worker, lane));
        },
      });
      part.workers.set(stream, connection);
      lane.upload = connection;
      lane.uploadHost = processor.host;
      if (part.relay.workerConnected(stream)) lane.outbox.connected();
    });
  }

  #forward({ process }: SimProcessor, part: ProcessorShard, stream: number, { seq, rows }: Upload): void {
    if (!part.relay.batchReceived(stream, seq)) return;
    process.after(this.#random() * 3 * MS, () => {
      const managerSeq = ++part.managerSeq;
      part.upstream?.toServer({ seq: managerSeq, rows });
      part.relay.batchForwarded(stream, seq, managerSeq);
    });
  }

  #startProcessor(index: number): void {
    const process = new Process(this.#scheduler, `P${index}`, { offsetNs: 0, rate: 1 });
    const shards = this.#databases.map((_, shard): ProcessorShard => {
      const workers = new Map<number, Connection<Upload, number>>();
      const relay = new Relay({
        ack: (stream, seq) => workers.get(stream)?.toClient(seq),
        endWorkerStream: (stream) => {
          workers.get(stream)?.closeByServer();
          workers.delete(stream);
        },
      });
      return { shard, relay, workers, upstream: undefined, managerSeq: 0 };
    });
    const processor: SimProcessor = { index, host: index % this.#plan.hosts, process, shards };
    this.#processors[index] = processor;
    for (const part of shards) this.#dialManager(processor, part);
  }

  #dialManager(processor: SimProcessor, part: ProcessorShard): void {
    const { process, host } = processor;
    const redial = (afterMs: number): void => process.after(afterMs * MS, () => this.#dialManager(processor, part));
    process.after(this.#delayNs() * 2, () => {
      const manager = this.#managers[part.shard];
      if (manager === undefined || !this.#reaches(host, manager.host)) {
        redial(100);
        return;
      }
      const stream = this.#nextStream++;
      const connection: Connection<Upload, number> = new Connection(this.#scheduler, () => this.#delayNs(), {
        client: process,
        server: manager.process,
        atServer: (upload) => this.#ingest(manager, stream, upload),
        atClient: (seq) => part.relay.managerAcked(seq),
        serverEnded: () => manager.acks.streamEnded(stream),
        clientEnded: () => {
          part.upstream = undefined;
          part.managerSeq = 0;
          part.relay.managerStreamEnded();
          redial(50);
        },
      });
      this.#ingestStreams.set(stream, { connection, manager });
      part.upstream = connection;
      part.managerSeq = 0;
      part.relay.managerConnected();
    });
  }

  readonly #ingestStreams = new Map<number, { readonly connection: Connection<Upload, number>; readonly manager: SimManager }>();

  #startManager(shard: number): void {
    const process = new Process(this.#scheduler, `M${shard}`, { offsetNs: 1e12, rate: 1 });
    const transaction = new Transaction(this.#databases[shard]!);
    const manager: SimManager = {
      shard,
      host: shard % this.#plan.hosts,
      process,
      transaction,
      accounts: new Accounts<SimRecord>(ACCOUNTS_OPTIONS, transaction, {
        publish: (closed) => this.#publish(shard, closed),
        commitSoon: () => this.#commitSoon(manager),
      }),
      acks: new CommitAcks((stream, seq) => this.#ingestStreams.get(stream)?.connection.toClient(seq)),
      isCommitDue: false,
      live: this.#databases[shard]!.rows.size,
      inserted: 0,
    };
    this.#managers[shard] = manager;
  }

  #ingest(manager: SimManager, stream: number, { seq, rows }: Upload): void {
    const outcome = { inserted: 0, duplicate: 0, late: 0 };
    for (const { creditId } of rows) {
      if (this.#shardOf(creditId) !== manager.shard) this.#fail(`P4 credit ${creditId} came to shard ${manager.shard}`);
    }
    for (const row of rows) outcome[manager.accounts.arrived(row, manager.process.now())]++;
    this.#log(() => `M: batch ${seq} of ${rows.map(({ creditId }) => creditId).join(" ")}, ${JSON.stringify(outcome)}`);
    manager.inserted += outcome.inserted;
    manager.acks.batchArrived(stream, seq, outcome);
    this.#commitSoon(manager);
  }

  #commitSoon(manager: SimManager): void {
    if (manager.isCommitDue) return;
    manager.isCommitDue = true;
    manager.process.after(this.#random() * 20 * MS, () => {
      manager.isCommitDue = false;
      manager.transaction.commit();
      manager.live += manager.inserted;
      manager.inserted = 0;
      const { size } = this.#databases[manager.shard]!.rows;
      if (manager.live !== size) this.#fail(`P4 live figures of ${manager.live} rows, ${size} are committed`);
      manager.acks.committed();
      manager.accounts.committed();
    });
  }

  /** The controller hands each shard its part of the account over until the manager has answered. */
  #handOver(phase: number, report: PhaseReport, shard: number): void {
    const truth = this.#phases[phase]!;
    if (truth.closings.has(shard)) return;
    const manager = this.#managers[shard];
    if (manager !== undefined && this.#reaches(manager.host, 0)) {
      const { drawn, unused, dropped, lost } = report.account;
      manager.process.after(this.#delayNs(), () => {
        const account = {
          phase,
          drawn: this.#idsOf(drawn, shard),
          unused: this.#idsOf(unused, shard),
          dropped: this.#idsOf(dropped, shard),
          lost: this.#idsOf(lost, shard),
        };
        manager.accounts.accountReceived(account, manager.process.now());
        this.#armManager(manager);
      });
    }
    this.#scheduler.after(500 * MS, () => this.#handOver(phase, report, shard));
  }

  #armManager(manager: SimManager): void {
    manager.process.arm(manager.accounts.nextWakeNs(), () => {
      manager.accounts.advance(manager.process.now());
      this.#armManager(manager);
    });
  }

  #publish(shard: number, closed: ClosedPhase): void {
    const stored = this.#databases[shard]!.closed.get(closed.phase);
    if (stored === undefined || JSON.stringify(stored) !== JSON.stringify(closed)) {
      this.#fail(`P4 phase ${closed.phase}: published and not what is committed`);
    }
    const truth = this.#phases[closed.phase]!;
    this.#log(() => `M${shard}: phase ${closed.phase} closed, ${JSON.stringify(closed)}`);
    const before = truth.closings.get(shard);
    if (before !== undefined && JSON.stringify(before) !== JSON.stringify(closed))
      this.#fail("P4 a phase was published twice, differently");
    truth.closings.set(shard, closed);
    if (closed.isIncomplete) return;
    if (closed.conflicts.count > 0) this.#fail(`P3 conflicts ${closed.conflicts}`);
    const managerDownNs = this.#plan.faults.some(({ kind }) => MANAGER_FAULTS.has(kind)) ? 40 * SEC : 0;
    this.#checkBound(
      `records of phase ${closed.phase}`,
      truth.returnedNs,
      ACCOUNTS_OPTIONS.recordsDeadlineNs + SEC + managerDownNs,
    );
  }

  #checkCommitted(rows: readonly SimRecord[]): void {
    for (const { creditId } of rows) {
      const { rows: known, late } = this.#databases[this.#shardOf(creditId)]!;
      if (!known.has(creditId) && !late.has(creditId)) {
        this.#fail(`P4 the record of credit ${creditId} was acked and is not committed`);
      }
    }
  }

  // --- faults ---

  #inject(fault: Fault): void {
    this.#log(() => `** ${JSON.stringify(fault)}`);
    const alive = this.#workers.filter(({ process }) => !process.isDead);
    const worker = "worker" in fault ? alive[fault.worker % alive.length] : undefined;
    const untilNs = this.#scheduler.nowNs + ("forMs" in fault ? fault.forMs : 0) * MS;
    switch (fault.kind) {
      case "cut":
        worker?.connection?.cut(fault.clientNoticeMs * MS, fault.serverNoticeMs * MS);
        return;
      case "hold":
        worker?.connection?.hold(fault.direction, untilNs);
        return;
      case "partition":
        if (worker !== undefined) this.#partition(worker, fault.isSilent, untilNs);
        return;
      case "slow_dials":
        if (worker === undefined) return;
        worker.slowUntilNs = untilNs;
        worker.connection?.cut(MS, Number.POSITIVE_INFINITY);
        return;
      case "freeze_worker":
        if (worker !== undefined) this.#freeze(worker, fault.forMs * MS, "process");
        return;
      case "busy_worker":
        if (worker !== undefined) this.#freeze(worker, fault.forMs * MS, "loop");
        return;
      case "stall_timing":
        if (this.#timingProcess.isFrozen) return;
        this.#stalls.push({ fromNs: this.#scheduler.nowNs, untilNs });
        this.#timingProcess.freeze();
        this.#scheduler.at(untilNs, () => {
          const isTimerFirst = this.#random() < 0.5;
          this.#timingProcess.thaw(isTimerFirst ? () => this.#inTiming((now) => this.#timing.advance(now)) : undefined);
          this.#armTiming();
        });
        return;
      case "kill_worker":
        if (worker !== undefined) this.#killWorker(worker, fault.reapAfterMs * MS);
        return;
      case "join_worker":
        this.#startWorker([], this.#workerCount % this.#plan.hosts);
        return;
      case "hang_target":
        this.#hangUntilNs = Math.max(this.#hangUntilNs, untilNs);
        return;
      case "kill_processor":
        this.#killProcessor(fault.processor % this.#plan.processors, untilNs);
        return;
      case "kill_manager":
        this.#killManager(fault.shard % this.#plan.shards, untilNs);
        return;
      case "partition_host":
        this.#partitionHost(fault.host % this.#plan.hosts, fault.isSilent, untilNs);
        return;
      case "kill_host":
        this.#killHost(fault.host % this.#plan.hosts, untilNs);
        return;
      case "cut_records":
        for (const { upload } of worker?.lanes ?? []) upload?.cut(MS, 40 * MS);
        return;
      case "kill_timing":
        this.#killTiming();
        return;
      case "set_concurrency":
        this.#inTiming((now) => {
          const truth = this.#phases.at(-1);
          if (truth === undefined || !isBounded(truth.planned.load) || truth.returnedNs < Number.POSITIVE_INFINITY) return;
          if (!this.#adjust({ concurrency: fault.concurrency }, now)) return;
          if (isBoundedAtTarget(truth.planned)) this.#wantAllowed(fault.concurrency);
        });
        return;
      case "set_rate":
        this.#inTiming((now) => {
          if (hasRate(this.#phases.at(-1)?.planned.load)) this.#adjust({ ratePerSec: fault.ratePerSec }, now);
        });
        return;
      case "pause":
        this.#inTiming((now) => void this.#adjust({ isPaused: true }, now));
        this.#scheduler.at(untilNs, () => this.#inTiming((now) => void this.#adjust({ isPaused: false }, now)));
        return;
      case "stop":
        this.#userStops("user", false);
        return;
      case "cancel":
        this.#userStops("user", true);
        return;
    }
  }

  /** Changes the load of the phase that issues, and says whether one does. */
  #adjust(change: Omit<LoadChange, "phase">, now: number): boolean {
    const current = this.#timing.stats().phases.at(-1);
    if (current?.stage !== "issuing") return false;
    this.#timing.adjustPhase({ phase: current.phase, ...change }, now);
    return true;
  }

  #partition(worker: SimWorker, isSilent: boolean, untilNs: number): void {
    worker.isPartitioned = true;
    worker.isPartitionSilent = isSilent;
    const noticeNs = isSilent ? Number.POSITIVE_INFINITY : MS;
    worker.connection?.cut(noticeNs, noticeNs);
    for (const { upload } of worker.lanes) upload?.cut(MS, MS);
    this.#scheduler.at(untilNs, () => {
      worker.isPartitioned = false;
    });
  }

  /** Nobody on this host and nobody elsewhere hears each other; what is on it goes on together. */
  #partitionHost(host: number, isSilent: boolean, untilNs: number): void {
    if (host === 0) return;
    this.#hostsCutUntilNs.set(host, Math.max(untilNs, this.#hostsCutUntilNs.get(host) ?? 0));
    const noticeNs = isSilent ? Number.POSITIVE_INFINITY : MS;
    // A path of records has keepalives, which say it at last.
    const aliveNs = (): number => (this.#random() < 0.5 ? MS : this.#random() * 15 * SEC);
    for (const worker of this.#workers) {
      if (worker.process.isDead) continue;
      if (worker.host === host) {
        worker.isPartitionSilent = isSilent;
        worker.connection?.cut(noticeNs, noticeNs);
      }
      for (const { upload, uploadHost } of worker.lanes) {
        if ((worker.host === host) !== (uploadHost === host)) upload?.cut(aliveNs(), aliveNs());
      }
    }
    for (const processor of this.#processors) {
      for (const { upstream, shard } of processor?.shards ?? []) {
        const managerHost = shard % this.#plan.hosts;
        if ((processor?.host === host) !== (managerHost === host)) upstream?.cut(aliveNs(), aliveNs());
      }
    }
  }

  /** As by a power cut: nobody is left who could say that a worker is reaped. What was committed is there when the host is back. */
  #killHost(host: number, untilNs: number): void {
    if (host === 0) return;
    for (const worker of this.#workers) {
      if (worker.host !== host || worker.process.isDead) continue;
      this.#killProcessOf(worker);
      this.#scheduler.at(untilNs, () => this.#startWorker([], host));
    }
    for (const { index } of this.#processors.filter((one) => one?.host === host) as SimProcessor[]) {
      this.#killProcessor(index, untilNs);
    }
    for (let shard = 0; shard < this.#plan.shards; shard++) {
      if (shard % this.#plan.hosts === host) this.#killManager(shard, untilNs);
    }
  }

  /** What `lease-thread.ts` does, over a network that delays and cuts. */
  #guardLease(id: string, guard: Process): LeaseGuard {
    const cell = new LeaseCell();
    let told: LifeSign & { readonly term: number } = { term: -1, incarnation: 0n, leaseNs: 0, now: 0 };
    let askedNs = Number.NEGATIVE_INFINITY;
    const ask = (nowNs: number): void => {
      const { term, incarnation, leaseNs } = told;
      askedNs = nowNs;
      const isCutOff = (): boolean => {
        const worker = this.#workers.find((one) => one.id === id);
        return worker === undefined || this.#isCutFromTiming(worker);
      };
      this.#scheduler.after(this.#delayNs(), () => {
        if (isCutOff() || this.#isTimingDead) return;
        this.#inTiming((now) => {
          if (!this.#timing.extendLease(id, incarnation, now)) return;
          guard.after(this.#delayNs(), () => {
            if (isCutOff() || guard.now() - nowNs > GUARD_ANSWER_NS) return;
            this.#log(() => `${id}'s guard extends its lease`);
            cell.grant(term, nowNs + leaseNs);
            askedNs = Number.NEGATIVE_INFINITY;
          });
        });
      });
    };
    const look = (): void => {
      const nowNs = guard.now();
      if (nowNs - askedNs > GUARD_ANSWER_NS && cell.wantsExtension(told.term, nowNs)) ask(nowNs);
      guard.after(GUARD_LOOK_NS, look);
    };
    guard.after(GUARD_LOOK_NS, look);
    return {
      get endNs() {
        return cell.endNs;
      },
      alive: (sign) => {
        told = { ...sign, term: cell.term };
        cell.sign(sign.now);
      },
      rest: () => cell.rest(),
      void: () => cell.void(),
    };
  }

  /** `what` stands still: the whole process, or its event loop alone, which is in one long turn. */
  #freeze(worker: SimWorker, forNs: number, what: "process" | "loop"): void {
    if (worker.process.isFrozen) return;
    worker.process.freeze();
    if (what === "process") worker.guard.freeze();
    const affected = [...worker.requests.values()];
    const was = affected.map(({ isExempt }) => isExempt);
    for (const request of affected) request.isExempt = true;
    this.#scheduler.after(forNs, () => {
      if (worker.process.isDead) return;
      const leaseEndNs = worker.core.stats().leaseEndNs;
      if (worker.process.now() < leaseEndNs) for (const [i, request] of affected.entries()) request.isExempt = was[i]!;
      this.#log(() => `${worker.id} goes on`);
      worker.guard.thaw(undefined);
      const isTimerFirst = this.#random() < 0.5;
      worker.process.thaw(isTimerFirst ? () => this.#inWorker(worker, (now) => worker.core.advance(now)) : undefined);
      this.#armWorker(worker);
    });
  }

  #killWorker(worker: SimWorker, reapAfterNs: number): void {
    this.#killProcessOf(worker);
    this.#scheduler.after(reapAfterNs, () => {
      this.#log(() => `worker-manager reaps ${worker.id}`);
      this.#inTiming((now) => this.#timing.workerReaped(worker.id, now));
      this.#startWorker(
        worker.lanes.map(({ spill }) => [...spill.values()]),
        worker.host,
      );
    });
  }

  #killProcessOf(worker: SimWorker): void {
    worker.process.kill();
    worker.guard.kill();
    worker.connection?.cut(Number.POSITIVE_INFINITY, this.#random() < 0.7 ? MS : Number.POSITIVE_INFINITY);
    for (const { upload } of worker.lanes) upload?.cut(Number.POSITIVE_INFINITY, MS);
    // The kernel closes its sockets.
    for (const request of worker.requests.values()) {
      this.#scheduler.after(this.#plan.targetMs * MS, () => this.#closedAtTarget(request));
    }
  }

  #killProcessor(index: number, untilNs: number): void {
    const processor = this.#processors[index];
    if (processor === undefined) return;
    this.#processors[index] = undefined;
    processor.process.kill();
    for (const { upstream, workers } of processor.shards) {
      upstream?.cut(Number.POSITIVE_INFINITY, MS);
      for (const connection of workers.values()) connection.cut(MS, Number.POSITIVE_INFINITY);
    }
    this.#scheduler.at(untilNs, () => this.#startProcessor(index));
  }

  #killManager(shard: number, untilNs: number): void {
    const manager = this.#managers[shard];
    if (manager === undefined) return;
    this.#managers[shard] = undefined;
    manager.process.kill();
    for (const [stream, { connection, manager: of }] of this.#ingestStreams) {
      if (of !== manager) continue;
      connection.cut(MS, Number.POSITIVE_INFINITY);
      this.#ingestStreams.delete(stream);
    }
    this.#scheduler.at(untilNs, () => this.#startManager(shard));
  }

  #killTiming(): void {
    if (this.#isTimingDead) return;
    const stats = this.#timing.stats();
    this.#isTimingDead = true;
    this.#timingProcess.kill();
    for (const connection of this.#streams.values()) connection.cut(MS, Number.POSITIVE_INFINITY);
    const lastNs = LEASE_TERMS.workerLeaseNs * 1.002 + LEASE_TERMS.closingNs + 0.01 * SEC;
    this.#scheduler.after(lastNs, () => {
      const open = [...this.#open].filter(({ isExempt }) => !isExempt);
      if (open.length > 0) this.#fail(`P5 timing is dead, and ${open.length} requests are open after every lease is over`);
    });
    const close = () => {
      if (this.#managers.includes(undefined) || !this.#areOutboxesEmpty) {
        this.#scheduler.after(500 * MS, close);
        return;
      }
      for (const manager of this.#managers) {
        if (manager !== undefined) this.#closeFromRows(manager, stats.phases);
      }
      // A manager that dies before the commit is asked again.
      this.#scheduler.after(500 * MS, () => {
        if (this.#phases.some((truth) => !this.#isClosed(truth))) close();
      });
    };
    this.#scheduler.after(lastNs, close);
  }

  /** By timing's last heartbeat, which tells of no shard by itself: what became of credits without a row is told to the first one. */
  #closeFromRows({ accounts, shard }: SimManager, known: ReturnType<TimingCore["stats"]>["phases"]): void {
    for (const { phase, highestId, counts } of known) {
      const lowestId = Math.max(0, highestId - counts.drawn + 1);
      const { unused, dropped, lost } = shard === 0 ? counts : { unused: 0, dropped: 0, lost: 0 };
      const own = (ids: IdRanges): IdRanges => this.#idsOf(ids, shard);
      accounts.closeFromRows({ phase, lowestId, highestId, unused, dropped, lost }, own);
      this.#lastTold.set(phase, { first: lowestId, last: highestId });
    }
    for (let phase = 0; phase < this.#phases.length; phase++) {
      if (known.some((heartbeat) => heartbeat.phase === phase)) continue;
      accounts.closeFromRows({ phase, lowestId: 0, highestId: 0, unused: 0, dropped: 0, lost: 0 });
    }
  }

  #userStops(reason: string, isCancel: boolean): void {
    this.#inTiming((now) => {
      const truth = this.#phases.at(-1);
      if (truth === undefined || truth.returnedNs < Number.POSITIVE_INFINITY) return;
      truth.stoppedNs = Math.min(truth.stoppedNs, this.#scheduler.nowNs);
      truth.isStoppedByUser = true;
      const phase = this.#phases.length - 1;
      if (isCancel) this.#timing.cancelPhase(reason, now, phase);
      else this.#timing.stopPhase(reason, now, truth.planned.graceMs * MS, phase);
    });
  }

  // --- the end ---

  #checkAtEnd(): void {
    for (const [phase, { report, closings, fired }] of this.#phases.entries()) {
      const parts = this.#databases.map((_, shard) => closings.get(shard));
      if (parts.every((part) => part?.isIncomplete)) {
        this.#checkFromRows(
          phase,
          parts.reduce((sum, part) => sum + (part?.drawn ?? 0), 0),
        );
      }
      const whole = wholeClosing(parts);
      if (whole === undefined || report === undefined) continue;
      const { drawn, recorded, unused, dropped } = whole;
      const missing = whole.missingRecord.count + whole.missingLost.count;
      const sum = recorded + missing + unused + dropped;
      if (sum !== drawn || drawn !== report.account.drawn.count)
        this.#fail(`P3 phase ${phase}: ${sum} in classes, ${drawn} drawn`);
      let rows = 0;
      for (const { phase: of, creditId } of this.#databases.flatMap((database) => [...database.rows.values()])) {
        if (of !== phase) continue;
        rows++;
        if (!fired.has(creditId)) this.#fail(`P4 a row for credit ${creditId}, which was never sent`);
      }
      if (rows !== recorded) this.#fail(`P4 phase ${phase}: ${rows} rows, ${recorded} published`);
      if (!this.#hasFaults && missing > 0) this.#fail("P3 a record is missing without a fault");
    }
  }

  /** Closed by their rows, all shards together have what timing said last to be drawn and what has a row, once. */
  #checkFromRows(phase: number, drawn: number): void {
    const told = this.#lastTold.get(phase);
    const ids = IdRanges.ofRanges(told === undefined || told.last === 0 ? [] : [told]);
    for (const { rows } of this.#databases) {
      for (const row of rows.values()) if (row.phase === phase) ids.add(row.creditId);
    }
    if (drawn !== ids.count) this.#fail(`P3 phase ${phase}, closed by its rows: ${drawn} drawn, ${ids.count} are known`);
  }
}

function isPartition(whole: IdRanges, parts: readonly IdRanges[]): boolean {
  let sum = 0;
  let union = parts[0]!;
  for (const part of parts) {
    sum += part.count;
    union = union.union(part);
  }
  return sum === whole.count && union.equals(whole);
}

function describe({ seq, ack, body }: Envelope<WorkerMessage | TimingMessage>): string {
  const { kind, ...rest } = body;
  const shown = kind === "issue" ? { credits: (rest as { credits: readonly Credit[] }).credits.map(({ id }) => id) } : rest;
  const text = JSON.stringify(shown, (_, value) => (typeof value === "bigint" ? `${value}` : value));
  return `#${seq} ack ${ack} ${kind} ${text}`;
}
