/**
 * One run at the records-manager: its file, its accounts, the acks that wait for a commit, its live figures. Rows join one
 * transaction that is committed at 500 rows or after 20 ms; nothing is acked or published before its commit.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { PhaseAccount as WireAccount } from "../../gen/assay/timing/v1/timing_pb.js";
import { recordMetrics } from "../../metrics/catalog.ts";
import { monotonicNs } from "../common/clock.ts";
import { AssayError, messageOf } from "../common/errors.ts";
import type { IdRanges } from "../common/id-ranges.ts";
import type { Logger } from "../common/logger.ts";
import type { ProcessedRecord } from "../common/metric-batch.ts";
import type { MetricRecord } from "../common/metric-record.ts";
import { idsOfShard, shardOf } from "../common/record-shard.ts";
import { RUN_FILE } from "../common/run-file.ts";
import { WakeTimer } from "../common/wake-timer.ts";
import { rangesOf } from "../common/wire-ranges.ts";
import { ACCOUNTS_OPTIONS, Accounts, type ClosedPhase, type PhaseHeartbeat } from "./core/accounts.ts";
import { type BatchOutcome, CommitAcks, type IngestStream } from "./core/commit-acks.ts";
import { type EndedRequests, type FailureExcess, type FailureLimit, FailureWatch } from "./core/failure-watch.ts";
import type { LivePart, LivePhase } from "./core/live.ts";
import type { EventRow, MemberRow, RunEnd, RunHeader, WorkerUsage } from "./core/rows.ts";
import type { ServedModel } from "./core/served.ts";
import type { ScrapeRow } from "./core/telemetry-rows.ts";
import { withSaved } from "./exports/saved.ts";
import { createRecordsCounts, type RecordsCounts } from "./instruments.ts";
import { LiveFeed } from "./live-feed.ts";
import type { QueryClient } from "./query-client.ts";
import type { RemoteShards } from "./remote-shards.ts";
import { type InputsSource, writeRunInputs } from "./run-inputs.ts";
import type { TelemetryTables } from "./scrape-stream.ts";
import type { ShardWatch } from "./shard-watch.ts";
import { RunReader } from "./store/run-reader.ts";
import { type IngestRow, RunStore } from "./store/run-store.ts";

export interface RecordsRunOptions {
  /** Of this file: that of the run, or of a shard of it. */
  readonly folder: string;
  /** Which rows are written here. Default: all. */
  readonly shard?: ShardPlace;
  readonly header: RunHeader;
  readonly queries: QueryClient;
  readonly log: Logger;
  /** Where the bodies of the requests come from; undefined: no file of them is written. */
  readonly inputs?: InputsSource | undefined;
  /** Size that the file may not pass; at the limit writes fail as on a full disk. Default: no limit. */
  readonly maxBytes?: number | undefined;
  /** Something for the run's timeline, and for whoever watches it. */
  note(message: string): void;
  /** Counted up; shared by the runs of a process. Default: its own. */
  readonly counts?: RecordsCounts;
  /** Records whose commit has just ended well. */
  readonly onCommitted?: ((records: readonly MetricRecord[]) => void) | undefined;
  /** Of phases whose failed requests are counted against a limit. Default: none. */
  readonly failureLimits?: readonly FailureLimit[];
  /** A limit was exceeded; called once for each. */
  readonly onTooManyFailed?: (excess: FailureExcess) => void;
  /** The file cannot be written any more: the run cannot go on. */
  onFailure(error: AssayError): void;
}

/** What a record-processor's stream is told. */
export interface IngestListeners {
  /** For every batch, in order, after its commit. */
  ack(seq: number, outcome: BatchOutcome): void;
  /** The run's file cannot be written: no ack will come. */
  fail(error: AssayError): void;
}

/** One of the records-managers that share the rows of a run. That of shard 0 has the run's file, and makes one of all in the end. */
export interface ShardPlace {
  readonly shard: number;
  readonly count: number;
  /** Of shard 0: what the others have. */
  readonly others?: Pick<ShardWatch, "committed" | "queued" | "parts" | "endedRequests" | "close">;
  /** Of shard 0: files of shards that are not on this host. */
  readonly files?: Pick<RemoteShards, "fetch" | "drop">;
}

/** Rows and times that have waited are committed. */
const commitRows = 500;
const commitMs = 20;

export class RecordsRun {
  readonly folder: string;
  private readonly options: RecordsRunOptions;
  private readonly store: RunStore;
  private readonly accounts: Accounts<IngestRow>;
  private readonly acks: CommitAcks;
  private readonly live = new LiveFeed();
  private readonly counts: RecordsCounts;
  private readonly failures: FailureWatch;
  private readonly streams = new Map<IngestStream, IngestListeners>();
  private readonly silences = new Set<() => void>();
  private readonly closings = new Map<number, PromiseWithResolvers<ClosedPhase>>();
  private inserted: MetricRecord[] = [];
  private commitTimer: NodeJS.Timeout | undefined;
  private readonly accountTimer = new WakeTimer(() => {
    this.writing(() => this.accounts.advance(monotonicNs()), false);
    this.armAccounts();
  });
  private nextStream = 1;
  private failure: AssayError | undefined;
  private afterCommit: (() => void)[] = [];

  /**
   * Makes the run's file, or goes on with that of a process that died over it. Throws as `RunStore.create` or `RunStore.open`,
   * naming the path; the file of a run that has ended is as another run's: `already_exists`.
   */
  constructor(options: RecordsRunOptions) {
    this.options = options;
    this.counts = options.counts ?? createRecordsCounts();
    this.failures = new FailureWatch(options.failureLimits ?? []);
    this.folder = options.folder;
    const metricTags = recordMetrics.map(({ tag }) => tag);
    const storeOptions = { metricTags, ...(options.maxBytes === undefined ? {} : { maxBytes: options.maxBytes }) };
    this.store = holdsRun(options.folder, options.header.runId)
      ? RunStore.open(options.folder, storeOptions)
      : RunStore.create(options.folder, options.header, storeOptions);
    // Phases that an earlier process closed are answered as they were.
    for (const closed of this.store.closedPhases()) this.closingOf(closed.phase).resolve(closed);
    this.acks = new CommitAcks((stream, seq, outcome) => this.streams.get(stream)?.ack(seq, outcome));
    this.accounts = new Accounts(ACCOUNTS_OPTIONS, this.store, {
      publish: (closed) => this.closings.get(closed.phase)?.resolve(closed),
      commitSoon: () => this.commitSoon(),
    });
    this.live.start(options.folder).catch((error: unknown) => {
      options.log.warn("there will be no live figures", { error: messageOf(error) });
    });
  }

  get shard(): number {
    return this.options.shard?.shard ?? 0;
  }

  get committedRows(): number {
    return this.store.committedRows;
  }

  get pendingRows(): number {
    return this.store.pendingRows;
  }

  /** Of all shards, as far as they have told. */
  progress(): { readonly committed: number; readonly queued: number } {
    const { committed = 0, queued = 0 } = this.options.shard?.others ?? {};
    return { committed: this.committedRows + committed, queued: this.pendingRows + queued };
  }

  /** Of all shards, as far as they have told. */
  liveFigures(): LivePhase[] {
    return this.live.snapshot(this.options.shard?.others?.parts()) ?? [];
  }

  /** Of this shard. */
  liveParts(): LivePart[] {
    return this.live.parts();
  }

  /** Another shard has told something new. */
  shardsChanged(): void {
    if (this.failure === undefined) this.lookForFailures();
  }

  /** A record-processor's stream. */
  addStream(listeners: IngestListeners): IngestStream {
    const stream = this.nextStream++;
    this.streams.set(stream, listeners);
    this.counts.streams++;
    return stream;
  }

  removeStream(stream: IngestStream): void {
    if (this.streams.delete(stream)) this.counts.streams--;
    this.acks.streamEnded(stream);
    if (this.streams.size === 0) for (const resolve of this.silences) resolve();
  }

  /** Resolves when no record-processor is connected and everything that came is committed, or when the signal aborts. */
  async silence(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.silences.add(resolve);
    signal.addEventListener("abort", () => resolve(), { once: true });
    if (this.streams.size === 0 || signal.aborted) resolve();
    await promise;
    this.silences.delete(resolve);
    this.writing(() => this.commit(), false);
  }

  /** Throws `resource_exhausted`, naming the file, once it cannot be written. */
  ingest(stream: IngestStream, seq: number, records: readonly ProcessedRecord[]): void {
    this.writing(() => {
      const outcome = { inserted: 0, duplicate: 0, late: 0 };
      const now = monotonicNs();
      for (const { record, recordProcessorId, raw } of records) {
        const { creditId, phase } = record;
        this.checkShard(creditId);
        const what = this.accounts.arrived({ creditId, phase, record, recordProcessorId, raw }, now);
        outcome[what]++;
        if (what === "inserted") this.inserted.push(record);
      }
      this.counts.duplicates += outcome.duplicate;
      this.counts.late += outcome.late;
      this.acks.batchArrived(stream, seq, outcome);
      if (this.store.pendingRows >= commitRows) this.commit();
      else this.commitSoon();
    });
    this.armAccounts();
  }

  /**
   * Scrapes, usage, events of a member, whose `seq` ascends; `onCommitted` is called after their commit. What the file has of the member already is
   * not stored again.
   */
  addObservations({ memberId, seq }: ObservationsKey, rows: Observations, onCommitted: () => void): void {
    this.writing(() => {
      const scrapes = rows.scrapes(this.store);
      this.afterCommit.push(onCommitted);
      this.commitSoon();
      if (seq <= this.store.lastObservation(memberId)) return;
      this.store.setLastObservation(memberId, seq);
      this.store.addScrapes(scrapes);
      this.store.addServed(rows.served);
      this.store.addMembers(rows.members);
      this.store.addWorkerUsage(rows.usage);
      this.store.addEvents(rows.events);
      for (const heartbeat of rows.heartbeats) this.store.setHeartbeat(heartbeat);
      if (rows.clockUncertaintyNs > 0) this.store.setClockUncertainty(rows.clockUncertaintyNs);
      for (const { phase, startNs } of rows.phaseStarts) this.store.startPhase(phase, startNs);
      for (const { phase, endNs } of rows.phaseEnds) this.store.endPhase(phase, endNs);
    });
  }

  setState(state: string, startedWallNs?: number): void {
    this.writing(() => {
      this.store.setState(state, startedWallNs);
      this.commitSoon();
    });
  }

  /** Closes a phase by timing's account: resolves once all its rows are there, or the records deadline is over, and that is committed. */
  async closePhase(account: WireAccount): Promise<ClosedPhase> {
    const { promise } = this.closingOf(account.phase);
    this.writing(() => {
      this.accounts.accountReceived(
        {
          phase: account.phase,
          drawn: this.ownIds(rangesOf(account.drawn)),
          unused: this.ownIds(rangesOf(account.unused)),
          dropped: this.ownIds(rangesOf(account.dropped)),
          lost: this.ownIds(rangesOf(account.lost)),
          ...(this.shard === 0 ? { abandoned: Number(account.abandoned), queued: Number(account.queued) } : {}),
        },
        monotonicNs(),
      );
    });
    this.armAccounts();
    return promise;
  }

  /** Closes a phase whose account will not come, from its rows and timing's last heartbeat. */
  async closeFromRows(heartbeat: PhaseHeartbeat): Promise<ClosedPhase> {
    const { promise } = this.closingOf(heartbeat.phase);
    this.writing(() => {
      // What is closed again when all rows are in one file is closed by this.
      if (this.isShared && this.shard === 0) this.store.setHeartbeat(heartbeat);
      const told = this.shard === 0 ? heartbeat : { ...heartbeat, unused: 0, dropped: 0, lost: 0 };
      this.accounts.closeFromRows(told, (ids) => this.ownIds(ids));
    });
    return promise;
  }

  /** Writes the end, makes the files, and leaves run.db whole. Further rows are refused. */
  async finish(end: Pick<RunEnd, "state" | "reason" | "wasCancelled" | "endedWallNs">): Promise<void> {
    this.accountTimer.close();
    try {
      await this.conclude(end);
    } finally {
      this.closeFile();
    }
  }

  private async conclude(end: Parameters<RecordsRun["finish"]>[0]): Promise<void> {
    const { queries } = this.options;
    this.writing(() => {
      if (!this.isShared) for (const heartbeat of this.store.openHeartbeats()) this.accounts.closeFromRows(heartbeat);
      this.commit();
    });
    if (this.shard > 0) return;
    if (this.isShared) await this.gather();
    const { client } = await queries.askFirst("summarize", { folder: this.folder, withSweep: false, withTelemetry: false });
    this.writing(() => {
      this.store.endRun({ ...end, verdict: client.verdict, verdictReasons: client.reasons.map(({ message }) => message) });
      this.commit();
    });
    const inputsFailure = await this.writeInputs();
    const exported = await queries.askFirst("export", { folder: this.folder });
    if (inputsFailure !== undefined) throw withSaved(inputsFailure, [this.store.path, ...exported.map(({ path }) => path)]);
  }

  /** Rows that go on being written elsewhere would be missing: by now every other shard has closed its file, or is gone. */
  private async gather(): Promise<void> {
    const { folder, queries, shard, log, note } = this.options;
    shard?.others?.close();
    await shard?.files?.fetch();
    const startNs = monotonicNs();
    const { rows, missing } = await queries.askFirst("gather", { folder });
    log.info("the shards are in the run's file", { folder, rows, ms: Math.round((monotonicNs() - startNs) / 1e6) });
    for (const which of missing) note(`rows of shard ${which} are missing: its file is not there`);
    await shard?.files?.drop();
  }

  private get isShared(): boolean {
    return (this.options.shard?.count ?? 1) > 1;
  }

  private ownIds(ids: IdRanges): IdRanges {
    const { shard = 0, count = 1 } = this.options.shard ?? {};
    return idsOfShard(ids, shard, count);
  }

  /** Throws where a credit's row belongs elsewhere, and would be there twice. */
  private checkShard(creditId: number): void {
    const { shard = 0, count = 1 } = this.options.shard ?? {};
    const of = shardOf(creditId, count);
    if (of !== shard) throw new AssayError("invalid_argument", `credit ${creditId} is of shard ${of}, this is shard ${shard}`);
  }

  /** Before the other files, which take the names of conversations from it; why it cannot be written is told after them. */
  private async writeInputs(): Promise<unknown> {
    const { inputs, queries, note } = this.options;
    if (inputs === undefined) return undefined;
    try {
      const names = await writeRunInputs(this.folder, inputs, queries, note);
      this.writing(() => {
        this.store.addConversations(names);
        this.commit();
      });
      return undefined;
    } catch (error) {
      return error;
    }
  }

  /** Lets go of the file; what is committed stays. */
  close(): void {
    this.accountTimer.close();
    this.closeFile();
  }

  /** What still comes is refused, and is nobody's failure. */
  private closeFile(): void {
    clearTimeout(this.commitTimer);
    this.options.shard?.others?.close();
    this.failure ??= new AssayError("unavailable", "the run's file is closed");
    for (const { reject } of this.closings.values()) reject(this.failure);
    this.store.close();
  }

  private closingOf(phase: number): PromiseWithResolvers<ClosedPhase> {
    const known = this.closings.get(phase);
    if (known !== undefined) return known;
    const made = Promise.withResolvers<ClosedPhase>();
    // A failed file ends the run by itself; nobody may be waiting for this phase then.
    made.promise.catch(() => {});
    this.closings.set(phase, made);
    return made;
  }

  private commitSoon(): void {
    this.commitTimer ??= setTimeout(() => {
      this.commitTimer = undefined;
      this.writing(() => this.commit(), false);
    }, commitMs);
  }

  private commit(): void {
    clearTimeout(this.commitTimer);
    this.commitTimer = undefined;
    const startNs = monotonicNs();
    this.store.commit();
    this.counts.commitSeconds.observe((monotonicNs() - startNs) / 1e9);
    const inserted = this.inserted;
    this.inserted = [];
    this.counts.committed += inserted.length;
    this.live.add(inserted);
    this.options.onCommitted?.(inserted);
    this.accounts.committed();
    this.acks.committed();
    this.lookForFailures();
    for (const done of this.afterCommit.splice(0)) done();
  }

  private lookForFailures(): void {
    const others = this.options.shard?.others;
    const endedOf = (phase: number): EndedRequests => {
      const own = this.store.endedRequests(phase);
      const other = others?.endedRequests(phase) ?? { succeeded: 0, errored: 0 };
      return { succeeded: own.succeeded + other.succeeded, errored: own.errored + other.errored };
    };
    for (const excess of this.failures.look(endedOf)) this.options.onTooManyFailed?.(excess);
  }

  private armAccounts(): void {
    if (this.failure === undefined) this.accountTimer.at(this.accounts.nextWakeNs());
  }

  /** Runs what writes. A file that cannot be written ends the run once, loudly, for everybody who waits. */
  private writing(write: () => void, isRethrown = true): void {
    if (this.failure !== undefined) {
      if (isRethrown) throw this.failure;
      return;
    }
    try {
      write();
    } catch (error) {
      const failure = error instanceof AssayError ? error : new AssayError("internal", messageOf(error), { cause: error });
      this.failure = failure;
      for (const { reject } of this.closings.values()) reject(failure);
      this.options.onFailure(failure);
      for (const { fail } of this.streams.values()) fail(failure);
      if (isRethrown) throw failure;
    }
  }
}

const endStates: ReadonlySet<string> = new Set(["COMPLETED", "FAILED", "CANCELLED"]);

/** The folder holds this run, unfinished. */
function holdsRun(folder: string, runId: string): boolean {
  if (!existsSync(join(folder, RUN_FILE))) return false;
  const reader = RunReader.open(folder);
  try {
    const { state, runId: holder } = reader.run();
    return holder === runId && !endStates.has(state);
  } finally {
    reader.close();
  }
}

/** One batch of one sender. */
export interface ObservationsKey {
  readonly memberId: string;
  readonly seq: number;
}

/** What is kept beside records. Times are suite time, in ns. */
export interface Observations {
  /** Declares what the batch declares, then gives its scrapes. */
  readonly scrapes: (tables: TelemetryTables) => readonly ScrapeRow[];
  readonly served: readonly ServedModel[];
  readonly members: readonly MemberRow[];
  readonly usage: readonly WorkerUsage[];
  readonly events: readonly EventRow[];
  readonly heartbeats: readonly PhaseHeartbeat[];
  readonly phaseStarts: readonly { readonly phase: number; readonly startNs: number }[];
  readonly phaseEnds: readonly { readonly phase: number; readonly endNs: number }[];
  /** Largest of any member; 0: one clock. */
  readonly clockUncertaintyNs: number;
}
