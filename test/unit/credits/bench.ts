import type { Credit, Envelope, LeaseTerms, TimingMessage, WorkerMessage } from "../../../services/common/credits.ts";
import { LEASE_TERMS } from "../../../services/common/credits.ts";
import type { PhaseReport, TimingCore, UnplacedSlots, WorkerLoss } from "../../../services/timing/core/edge.ts";
import type { PhaseSpec } from "../../../services/timing/core/phase.ts";
import type { TargetLoads } from "../../../services/timing/core/targets.ts";
import { createTimingCore } from "../../../services/timing/core/timing.ts";
import { type CreditWorker, createCreditWorker } from "../../../services/worker/core/credit-worker.ts";
import type { LeaseGuard } from "../../../services/worker/core/lease.ts";

export const MS = 1e6;
export const SEC = 1e9;

export type TimingKind = TimingMessage["kind"];

export interface BenchWorkerOptions {
  /** Every request fails at once, within `fire`. */
  readonly isUnsendable?: boolean;
  /** Default: not known. */
  readonly maxConnections?: number;
  /** Of its lease. Default: nobody. */
  readonly guard?: LeaseGuard;
}

/** A worker core on the bench: what it says and is told lies in two lists until the test moves it. */
export class BenchWorker {
  readonly id: string;
  readonly core: CreditWorker;
  readonly fired: Credit[] = [];
  readonly cancelled: { readonly ids: readonly number[]; readonly reason: string }[] = [];
  readonly overruns: number[] = [];
  readonly fencings: string[] = [];
  /** Not yet read by timing, on the stream in use. */
  up: Envelope<WorkerMessage>[] = [];
  /** Not yet read by the worker, on the stream in use. */
  down: Envelope<TimingMessage>[] = [];
  streamId = 0;
  dial = 0;
  isDialling = false;
  readonly #bench: Bench;

  constructor(bench: Bench, id: string, { isUnsendable = false, maxConnections, guard }: BenchWorkerOptions) {
    this.#bench = bench;
    this.id = id;
    this.core = createCreditWorker(
      {
        version: 1,
        token: "",
        runId: "run",
        workerId: id,
        renewEveryNs: LEASE_TERMS.renewEveryNs,
        maxConnections,
        random: () => 0.5,
        newIncarnation: () => bench.nextIncarnation++,
        clock: () => bench.now,
        guard,
      },
      {
        fire: (credit) => {
          this.fired.push(credit);
          if (isUnsendable) this.core.requestEnded(credit.id, { sessionOver: true }, bench.now);
        },
        cancelInFlight: (ids, reason) => void this.cancelled.push({ ids, reason }),
        send: (envelope) => void this.up.push(envelope),
        wantDial: (dial) => {
          this.dial = dial;
          this.isDialling = true;
        },
        endStream: () => {
          this.up = [];
          this.down = [];
        },
        leaseOverrun: (overrunNs) => void this.overruns.push(overrunNs),
        fenced: (reason) => void this.fencings.push(reason),
      },
    );
    this.core.start(bench.now);
  }

  get firedIds(): number[] {
    return this.fired.map(({ id }) => id);
  }

  /** Opens the stream that was asked for; the worker says hello, nobody has read it yet. */
  connect(): void {
    this.isDialling = false;
    this.streamId = this.#bench.openStream(this);
    this.core.connected(this.dial, this.#bench.now);
  }

  /** Timing reads the next message, or `count`, or all. */
  readByTiming(count = Number.POSITIVE_INFINITY): void {
    for (let n = 0; n < count && this.up.length > 0; n++) this.#bench.handIn(this.streamId, this.up.shift()!);
  }

  /** The worker reads the next message, or `count`, or all. */
  read(count = Number.POSITIVE_INFINITY): void {
    for (let n = 0; n < count && this.down.length > 0; n++) {
      this.core.messageReceived(this.dial, this.down.shift()!, this.#bench.now);
    }
  }

  /** Both read until nobody has anything to say. */
  talk(): void {
    for (let round = 0; this.up.length > 0 || this.down.length > 0; round++) {
      if (round > 1_000) throw new Error("timing and worker pass something to and fro for ever");
      this.readByTiming();
      this.read();
    }
  }

  /** The stream breaks; what is under way is gone; both ends notice. */
  cut(): void {
    this.up = [];
    this.down = [];
    this.#bench.timing.streamEnded(this.streamId, this.#bench.now);
    this.core.streamEnded(this.dial, this.#bench.now);
  }

  /** Waits for the backoff and dials; hello lies unread. */
  redial(): void {
    for (let i = 0; i < 100 && !this.isDialling; i++) {
      this.#bench.pass(10 * MS);
    }
    this.connect();
  }

  end(id: number, sessionOver = false): void {
    this.core.requestEnded(id, { sessionOver }, this.#bench.now);
    this.core.flushReturns();
  }

  /** Messages of one kind that timing has sent and the worker not read. */
  told<Kind extends TimingKind>(kind: Kind): Extract<TimingMessage, { kind: Kind }>[] {
    return this.down.map(({ body }) => body).filter((body): body is Extract<TimingMessage, { kind: Kind }> => body.kind === kind);
  }

  said<Kind extends WorkerMessage["kind"]>(kind: Kind): Extract<WorkerMessage, { kind: Kind }>[] {
    return this.up.map(({ body }) => body).filter((body): body is Extract<WorkerMessage, { kind: Kind }> => body.kind === kind);
  }
}

/** A timing core and worker cores whose every message the test moves by hand. All share one clock that stands still unless told. */
export class Bench {
  now = 1_000 * SEC;
  nextIncarnation = 1n;
  readonly timing: TimingCore;
  readonly workers: BenchWorker[] = [];
  readonly sentPhases: number[] = [];
  readonly reports: PhaseReport[] = [];
  readonly losses: WorkerLoss[] = [];
  readonly unplaced: UnplacedSlots[] = [];
  readonly violations: string[] = [];
  readonly ended: number[] = [];
  readonly onStream = new Map<number, Envelope<TimingMessage>[]>();
  readonly #streams = new Map<number, BenchWorker>();
  #nextStream = 1;

  /** @param loads of several targets; default: there is one */
  constructor(terms: LeaseTerms = LEASE_TERMS, loads?: TargetLoads) {
    this.timing = createTimingCore(
      { runId: "run", incarnation: 77n, terms, loads },
      {
        send: (streamId, envelope) => {
          const worker = this.#streams.get(streamId);
          if (worker?.streamId === streamId) worker.down.push(envelope);
          const sent = this.onStream.get(streamId) ?? [];
          sent.push(envelope);
          this.onStream.set(streamId, sent);
        },
        endStream: (streamId) => void this.ended.push(streamId),
        sendingComplete: (phase) => void this.sentPhases.push(phase),
        returningComplete: (report) => void this.reports.push(report),
        workerLost: (loss) => void this.losses.push(loss),
        slotsUnplaced: (slots) => void this.unplaced.push(slots),
        violation: (message) => void this.violations.push(message),
      },
    );
  }

  /** A worker that is welcomed, or (not `isWelcomed`) has its hello unread. */
  join(id: string, { isWelcomed = true, ...options }: BenchWorkerOptions & { readonly isWelcomed?: boolean } = {}): BenchWorker {
    const worker = new BenchWorker(this, id, options);
    this.workers.push(worker);
    worker.connect();
    if (isWelcomed) worker.talk();
    return worker;
  }

  openStream(worker: BenchWorker): number {
    const streamId = this.#nextStream++;
    this.#streams.set(streamId, worker);
    return streamId;
  }

  handIn(streamId: number, envelope: Envelope<WorkerMessage>): void {
    if (envelope.body.kind === "hello") this.timing.helloReceived(streamId, envelope.body, this.now);
    else this.timing.messageReceived(streamId, envelope, this.now);
  }

  /** Time passes for everybody; nothing is read. `frozen` workers notice nothing. */
  pass(ns: number, frozen: readonly BenchWorker[] = []): void {
    const end = this.now + ns;
    while (this.now < end) {
      this.now = Math.min(end, this.now + 50 * MS);
      this.timing.advance(this.now);
      for (const worker of this.workers) if (!frozen.includes(worker)) worker.core.advance(this.now);
    }
  }

  /** Time passes, and everybody reads what comes, but those who are `silent` (neither read nor heard) and `frozen`. */
  live(
    ns: number,
    { silent = [], frozen = [] }: { silent?: readonly BenchWorker[]; frozen?: readonly BenchWorker[] } = {},
  ): void {
    const end = this.now + ns;
    while (this.now < end) {
      this.pass(Math.min(50 * MS, end - this.now), frozen);
      for (const worker of this.workers) if (!silent.includes(worker) && !frozen.includes(worker)) worker.talk();
    }
  }

  closed(concurrency: number, phase: Partial<PhaseSpec> = {}): void {
    this.start({ load: { kind: "closed", concurrency }, ...phase });
  }

  start(phase: Partial<PhaseSpec>): void {
    this.timing.startPhase(specOf(phase), this.now);
  }

  /** As a process of timing starts it. Returns when its time begins. */
  startInTime(phase: Partial<PhaseSpec>): number {
    const spec = specOf(phase);
    const startNs = this.timing.startOf(spec, this.now);
    this.timing.startPhase(spec, this.now, startNs);
    return startNs;
  }

  setConcurrency(concurrency: number): void {
    this.timing.adjustPhase({ phase: 0, concurrency }, this.now);
  }

  get counts() {
    return this.timing.stats().phases[0]!.counts;
  }
}

function specOf(phase: Partial<PhaseSpec>): PhaseSpec {
  return {
    index: 0,
    name: "profiling",
    kind: "profiling",
    load: { kind: "closed", concurrency: 1 },
    stop: { requestCount: 1 },
    graceNs: Number.POSITIVE_INFINITY,
    conversations: { isMultiTurn: false, draw: (session) => ({ conversation: session, turns: 1 }) },
    ...phase,
  };
}

/** Conversations that all have so many turns. */
export function conversationsOf(turns: number): PhaseSpec["conversations"] {
  return { isMultiTurn: turns > 1, draw: (session) => ({ conversation: session, turns }) };
}
