/**
 * One run at a worker: streams to dataset, timing and record-processor, a transport to the target, and the sender between
 * them. Ready when all of that stands, the connections are open and the path has been warmed.
 */
import { setImmediate as immediately } from "node:timers/promises";
import type { SessionPlace } from "../../endpoints/endpoint.ts";
import type { RequestError } from "../../endpoints/outcome.ts";
import { requestError } from "../../endpoints/target-error.ts";
import { PhaseKind } from "../../gen/assay/common/v1/common_pb.js";
import { type RunSpec, TransportKind } from "../../gen/assay/common/v1/run_spec_pb.js";
import type { ConfigureRun } from "../../gen/assay/controller/v1/controller_service_pb.js";
import type { Turn } from "../../gen/assay/dataset/v1/dataset_pb.js";
import { type CacheBust, cacheBustOf, sessionMarker, withMarker } from "../common/cache-bust.ts";
import { monotonicNs, wallOfMonotonic } from "../common/clock.ts";
import type { Credit } from "../common/credits.ts";
import { AssayError } from "../common/errors.ts";
import { workerFds } from "../common/host-limits.ts";
import type { Logger } from "../common/logger.ts";
import type { SuiteClock } from "../common/member/suite-clock.ts";
import type { PhaseHistograms } from "../common/observe/counting.ts";
import type { RawRecord } from "../common/raw-record.ts";
import { readHostLimits } from "../common/read-host-limits.ts";
import type { Reach } from "../common/rpc/channel.ts";
import { answeringCalls } from "../common/session-history.ts";
import { sessionUuid } from "../common/session-uuid.ts";
import { messagesOf } from "../common/turn-body.ts";
import { protocolVersion } from "../common/version.ts";
import { within } from "../common/within.ts";
import { inSession, tryMaking } from "./bodies.ts";
import { BurstSlices } from "./burst-slices.ts";
import { connectionsAhead } from "./core/connections-ahead.ts";
import { worthKeepingBytes } from "./core/kept-bytes.ts";
import { firstTurnsUs } from "./core/schedule-start.ts";
import { CreditClient, type CreditsStream } from "./credit-client.ts";
import { LeaseKeeper } from "./lease-keeper.ts";
import { startPrecisePacing, startTimerPacing } from "./pacing-alarms.ts";
import type { RecordsStream } from "./record-sender.ts";
import { RecordSenders } from "./record-senders.ts";
import type { RequestPath } from "./request-path.ts";
import { Sender } from "./sender.ts";
import { TurnSource, type TurnStream, turnOverheadBytes } from "./turns.ts";
import { warmUp } from "./warm-up.ts";

export interface WorkerRunOptions {
  readonly runId: string;
  readonly workerId: string;
  readonly configure: ConfigureRun;
  /** Made from the spec; closed with the run. */
  readonly path: RequestPath;
  readonly clock: SuiteClock;
  readonly log: Logger;
  /** Streams to the run's other services, hello not yet sent. */
  readonly dial: { credits(): CreditsStream; turns(): TurnStream; records(shard: number): RecordsStream };
  /** How a thread beside the loop reaches timing, to keep the lease. Default: there is none. */
  readonly leaseChannel?: Reach;
  readonly spillPath: string;
  readonly incarnation: bigint;
  /** Gets how late each request with a due time is sent. Default: nobody asks. */
  readonly lateness?: PhaseHistograms;
  /** Something for the run's timeline. */
  note(kind: string, message: string): void;
}

export type WorkerTotals = Readonly<Record<"sent" | "opened" | "replaced" | "records" | "stalls" | "fencings", number>>;

const leaseOver = requestError("fenced", "wait", "the worker's lease is over");
const keptTurns = { mostBytes: 64 << 20, leastBytes: turnOverheadBytes };
const aheadTurnBytes = 64 << 20;
const timeoutCheckMs = 25;
/** A run that warms up for so long has the tens of ms that a collection takes. */
const collectedWarmUpMs = 1000;
/** How long opening connections ahead may take: what a target may need that answers late, and so much more for each. */
const openAheadMs = 10_000;
const openOneMs = 1;

export class WorkerRun {
  private readonly options: WorkerRunOptions;
  private readonly spec: RunSpec;
  private readonly cacheBust: CacheBust;
  private readonly path: RequestPath;
  private readonly sender: Sender;
  private readonly hasTensors: boolean;
  private readonly turns: TurnSource;
  private readonly records: RecordSenders;
  private readonly credits: CreditClient;
  private readonly timeouts: NodeJS.Timeout;
  /** Fired and not yet sent: their turn is on its way, or their slice of a burst has not come. */
  private readonly awaitingTurn = new Map<number, Credit>();
  private readonly sends = new BurstSlices();
  private readonly ends = new BurstSlices();
  private outboxStalls = 0;
  private isStalled = false;

  /** Throws `invalid_argument` for a spec that the controller should have refused. */
  constructor(options: WorkerRunOptions) {
    const { configure, runId, workerId, clock, log, dial } = options;
    const { spec, dataset } = configure;
    if (spec === undefined || dataset === undefined) {
      throw new AssayError("invalid_argument", "a worker needs a spec and a dataset");
    }
    this.options = options;
    this.spec = spec;
    this.cacheBust = cacheBustOf(spec.dataset?.cacheBust ?? "");
    this.path = options.path;
    this.hasTensors = this.path.sender.endpoint.takes.includes("tensors");
    const wallOffsetNs = wallOfMonotonic(0) - clock.toSuite(0);
    const hello = { protocolVersion, runId, workerId, incarnation: options.incarnation, wallOffsetNs };
    this.records = new RecordSenders({
      shards: spec.recordManagers ?? 1,
      dial: dial.records,
      hello,
      spillPath: options.spillPath,
      log,
      onRoom: () => this.outboxHasRoom(),
    });
    this.sender = new Sender({
      ...this.path.sender,
      transport: this.path.transport,
      workerId,
      clock,
      wallOffsetNs,
      ...(dataset.branches.length > 0 && { correlationIdOf: (...session) => sessionUuid(runId, ...session) }),
      onRecord: (record) => this.keep(record),
      onEnded: (creditId, outcome) => this.credits.ended(creditId, outcome),
      mayWrite: (creditId) => this.credits.mayWrite(creditId),
      whenThereIsTime: (work) => this.ends.do(work),
      firstContent: {
        isWanted: () => this.credits.wantsFirstToken,
        found: (creditId) => this.credits.firstToken(creditId),
      },
    });
    this.turns = new TurnSource({
      dial: () => {
        const stream = dial.turns();
        stream.send({ message: { case: "hello", value: { protocolVersion, runId, workerId, datasetId: dataset.datasetId } } });
        return stream;
      },
      keptBytes: worthKeepingBytes(spec, dataset, keptTurns),
      aheadBytes: aheadTurnBytes,
      onBroken: (error) => log.warn("the stream to the dataset service broke; dialling again", { error: error.message }),
    });
    this.credits = new CreditClient({
      runId,
      workerId,
      clock,
      log,
      maxConnections: spec.target?.transport === TransportKind.HTTP2 ? undefined : maxConnections(),
      startAlarm: (wake) => (spec.workers?.pacing === "precise" ? startPrecisePacing(wake, log) : startTimerPacing(wake)),
      ...(options.leaseChannel && {
        guard: new LeaseKeeper({ channel: options.leaseChannel, runId, workerId, log }),
      }),
      dial: dial.credits,
      onHeld: (credit) => this.turns.prefetch(credit.conversation, credit.turn),
      fire: (credit) => this.fire(credit),
      cancelInFlight: (ids, reason) =>
        // The core may not be called back before it has returned.
        queueMicrotask(() => this.cancel(ids, reason === "fenced" ? leaseOver : requestError("cancelled", "wait", reason))),
      onOverrun: (overrunNs, inFlight) =>
        options.note(
          "fenced_overrun",
          `${workerId}: ${inFlight} requests were in flight ${(overrunNs / 1e6).toFixed(0)} ms after its lease`,
        ),
    });
    this.timeouts = setInterval(() => {
      this.sends.cameRound();
      this.ends.cameRound();
      this.sender.checkTimeouts(monotonicNs());
    }, timeoutCheckMs);
  }

  /** Resolves when the worker may be given credits. Rejects with `deadline_exceeded`, naming what did not answer. */
  async ready(signal: AbortSignal): Promise<void> {
    const { configure } = this.options;
    const warm = warmUp({
      durationMs: configure.selfWarmUpMs,
      sender: this.path.sender,
      bodies: this.path.bodies,
      media: syntheticMedia(this.spec),
      signal,
      transportTo: this.path.transportTo,
    });
    await Promise.all([
      within(signal, this.records.ready, "the record-processor"),
      within(signal, this.credits.ready, "timing"),
      this.openAhead(signal),
      within(signal, warm, "the worker's own warm-up"),
    ]);
    // What a long warm-up and many connections leave behind would be collected while something is measured.
    if (configure.selfWarmUpMs >= collectedWarmUpMs) globalThis.gc?.();
  }

  get inFlight(): number {
    return this.sender.inFlight;
  }

  /** Since the run began here. */
  counts(): WorkerTotals {
    const { opened, replaced } = this.path.transport.stats();
    const { records } = this.records.stats;
    const { fencings } = this.credits.stats();
    return { sent: this.sender.total, opened, replaced, records, stalls: this.outboxStalls, fencings };
  }

  status() {
    const credits = this.credits.stats();
    const outbox = this.records.stats;
    const { transport } = this.path;
    const connections = { ...transport.stats(), spare: transport.spareConnections() };
    return {
      credits,
      outbox,
      connections,
      /** No request can begin, none is under way, and every record is committed: nothing more comes from here without a new lease. */
      isAtRest: !credits.isLeaseValid && credits.inFlight === 0 && outbox.waiting === 0,
      inFlight: this.sender.inFlight,
      sent: this.sender.total,
      outboxStalls: this.outboxStalls,
    };
  }

  /** Waits until nothing is in flight and every record is committed; false when the signal came first. */
  async drained(signal: AbortSignal): Promise<boolean> {
    return this.records.drained(signal);
  }

  /** Ends what is in flight, for a run that is over, and waits until every record is committed, or for the signal. */
  async endRequests(signal: AbortSignal): Promise<void> {
    this.stopSending();
    // A request that is ended has its record a turn of the loop later.
    while (this.sender.inFlight > 0 && !signal.aborted) await immediately();
    await this.records.drained(signal);
  }

  async close(): Promise<void> {
    clearInterval(this.timeouts);
    this.stopSending();
    this.turns.close();
    await this.records.close();
    await this.path.transport.close();
  }

  private stopSending(): void {
    this.ends.doAll();
    this.credits.close();
    this.sender.cancelAll(requestError("cancelled", "wait", "the run has ended"));
    this.cancel([...this.awaitingTurn.keys()], requestError("cancelled", "send", "the run has ended"));
  }

  /** Permission to send is used now, whatever comes of it. */
  private fire(credit: Credit): void {
    this.sender.enterPhase(credit.phase, this.awaitingTurn);
    this.awaitingTurn.set(credit.id, credit);
    this.turns.take(credit.conversation, credit.turn, (turn, missing) => {
      this.sends.do(() => this.begin(credit, turn, missing));
    });
  }

  /** @param turn undefined: it cannot be had, and `missing` says why */
  private begin(credit: Credit, turn: Turn | undefined, missing: string): void {
    // Cancelled meanwhile.
    if (!this.awaitingTurn.delete(credit.id)) return;
    if (turn === undefined) {
      const message = `turn ${credit.turn} of conversation ${credit.conversation} cannot be had: ${missing}`;
      this.sender.failUnsent(credit, requestError("unsendable", "send", message));
      return;
    }
    if (!this.credits.mayWrite(credit.id)) {
      this.sender.failUnsent(credit, leaseOver, turn.rowGroup);
      return;
    }
    this.send(credit, turn);
  }

  private send(credit: Credit, whole: Turn): void {
    const { bodies } = this.path;
    const override = credit.maxOutputTokensOverride;
    // Tensors say nothing of what was said before.
    const given = this.hasTensors && !whole.isSelfContained ? { ...whole, isSelfContained: true } : whole;
    const turn = this.marked(credit, given);
    const hasForks = (credit.forks ?? 0) > 0;
    // Who builds on a turn that was sent alone builds on it alone.
    if (turn.resetsHistory || (turn.isSelfContained && hasForks)) this.sender.forget(credit);
    if (!this.sender.hasForkPoint(credit)) {
      const message = `what session ${credit.parentSession} has said up to turn ${credit.forkedAt} is not known to this worker`;
      this.sender.failUnsent(credit, requestError("unsendable", "send", message), turn.rowGroup);
      return;
    }
    const hasHistory = hasPast(credit) && !turn.isSelfContained;
    const history = hasHistory ? this.sender.historyOf(credit) : [];
    const historyTokens = hasHistory ? this.sender.historyTokensOf(credit) : 0;
    const made =
      turn === given
        ? bodies.tryMake(turn, history, override, historyTokens)
        : tryMaking(() => bodies.makeAlone(turn, history, override, historyTokens));
    if ("error" in made) this.sender.failUnsent(credit, made.error, turn.rowGroup);
    else {
      const body = inSession(made.body, this.path.sender.endpoint, placeOf(credit));
      // The answer is read here only where a later turn repeats it: parsing costs as much as receiving.
      const isRepeated = hasForks || (!turn.isSelfContained && credit.turn + 1 < credit.turns);
      const messages = isRepeated ? answeringCalls(messagesOf(turn), history) : [];
      this.sender.send(credit, body, isRepeated ? { messages, hasAnswer: !turn.bringsAnswers } : undefined);
    }
  }

  /** With the marker of the session, and of those that it began, where the run wants one and no history has it already. */
  private marked(credit: Credit, turn: Turn): Turn {
    if (this.cacheBust === "none" || (hasPast(credit) && !turn.isSelfContained && !turn.resetsHistory)) return turn;
    const { phase, sessionId, rootSession = sessionId } = credit;
    return withMarker(turn, this.cacheBust, sessionMarker(Number(this.spec.randomSeed ?? 0n), phase, rootSession));
  }

  /** Ends requests in flight, and fired credits whose request has not been made. */
  private cancel(creditIds: readonly number[], error: RequestError): void {
    this.sender.cancel(creditIds, error);
    for (const id of creditIds) {
      const credit = this.awaitingTurn.get(id);
      if (this.awaitingTurn.delete(id) && credit !== undefined) this.sender.failUnsent(credit, error);
    }
  }

  /** At its bound the outbox takes what is in flight, but nothing more is sent: what was measured is never thrown away. */
  private keep(record: RawRecord): void {
    this.records.add(record);
    if (record.dueNs > 0) {
      const isWarmup = this.spec.phases[record.phase]?.kind === PhaseKind.WARMUP;
      this.options.lateness?.observe(isWarmup ? "warmup" : "profiling", (record.sentNs - record.dueNs) / 1e9);
    }
    if (this.isStalled || !this.records.isFull) return;
    this.isStalled = true;
    this.outboxStalls++;
    this.credits.setPaused(true);
    const { workerId } = this.options;
    this.options.note("outbox_full", `${workerId}: no request is sent until records are committed`);
  }

  private outboxHasRoom(): void {
    if (!this.isStalled) return;
    this.isStalled = false;
    this.credits.setPaused(false);
  }

  /** What takes longer is left to the requests. */
  private async openAhead(signal: AbortSignal): Promise<void> {
    const counts = this.connectionsAhead();
    const limitMs = counts.reduce((sum, count) => sum + count * openOneMs, openAheadMs);
    const ending = AbortSignal.any([signal, AbortSignal.timeout(limitMs)]);
    await Promise.all(counts.map((count, target) => this.path.transport.open(target, count, ending)));
  }

  private connectionsAhead(): number[] {
    const { target, phases } = this.spec;
    const { dataset, plannedWorkers: workers } = this.options.configure;
    if (target === undefined) return [];
    const isScheduled = dataset !== undefined && phases.some(({ load }) => load.case === "schedule");
    return connectionsAhead({
      target,
      phases,
      workers,
      most: maxConnections() ?? Number.POSITIVE_INFINITY,
      firstTurnsUs: isScheduled ? firstTurnsUs(dataset) : new Float64Array(0),
    });
  }
}

/** Connections that this process has file descriptors for; undefined: not known. */
function maxConnections(): number | undefined {
  const { maxFds } = readHostLimits();
  return maxFds === 0 ? undefined : Math.max(1, maxFds - workerFds);
}

/** More than a phase has: sessions are counted by phase. */
const sessionsOfPhase = 2n ** 40n;

function placeOf({ phase, sessionId, turn, turns }: Credit): SessionPlace {
  const id = BigInt(phase + 1) * sessionsOfPhase + BigInt(sessionId);
  return { id, isFirst: turn === 0, isLast: turn + 1 === turns };
}

/** Something was said before the turn. */
function hasPast({ turn, forkedAt }: Credit): boolean {
  return turn > 0 || forkedAt !== undefined;
}

/** Kinds of media that are made for every turn; what a file's turns have the spec does not say. */
function syntheticMedia({ dataset }: RunSpec): ("image" | "audio" | "video")[] {
  if (dataset?.source.case !== "synthetic") return [];
  const { images, audio, video } = dataset.source.value;
  const given = { image: images, audio, video };
  return (["image", "audio", "video"] as const).filter((medium) => (given[medium]?.batchSize ?? 0) > 0);
}
