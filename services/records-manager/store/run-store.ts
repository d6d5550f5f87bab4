/**
 * The writer of one run's file, `<folder>/run.db`. One process has it open; readers open the file themselves
 * (`run-reader.ts`). Every write joins one open transaction, which `commit` ends: what was written since the last commit is
 * all there after the death of the process, or not at all. A write that fails (disk full) loses that transaction and ends
 * the store: it throws from then on, and everything committed before stays. Every table of the file is written within that one
 * transaction.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { AssayError, messageOf } from "../../common/errors.ts";
import { IdRanges } from "../../common/id-ranges.ts";
import type { ProcessedRecord } from "../../common/metric-batch.ts";
import type { RawAnswer } from "../../common/metric-record.ts";
import { RUN_FILE } from "../../common/run-file.ts";
import { closeSqlite, openSqlite, type SqliteDatabase, type SqliteStatement, sqliteError } from "../../common/sqlite.ts";
import type { AccountStore, ClosedPhase, PhaseHeartbeat, RecordKey } from "../core/accounts.ts";
import type { EndedRequests } from "../core/failure-watch.ts";
import type { EventRow, MemberRow, PhaseHeader, RunEnd, RunHeader, WorkerUsage } from "../core/rows.ts";
import type { ServedModel } from "../core/served.ts";
import type { ScrapeRow, SeriesFacts, SourceFacts } from "../core/telemetry-rows.ts";
import { bindRecord, rowBuffer, rowColumns } from "./bind.ts";
import { closedPhaseFrom, closedPhaseJson } from "./closed-phase.ts";
import { ColumnChunks } from "./column-chunks.ts";
import {
  conversationTable,
  eventTable,
  memberTable,
  type ObservedTable,
  servedTable,
  workerUsageTable,
} from "./observed-rows.ts";
import { RowInserter } from "./row-insert.ts";
import { addMissing, runFormat } from "./schema.ts";
import { TelemetryWriter } from "./telemetry-writer.ts";

/** What is inserted of a request. */
export type IngestRow = RecordKey & ProcessedRecord;

export interface RunStoreOptions {
  /** Tags of the record metrics, in the order of `MetricRecord.values`. */
  readonly metricTags: readonly string[];
  /** Size that the file may not pass; at the limit writes fail as on a full disk. Default: no limit. */
  readonly maxBytes?: number;
}

/** What the file holds of a phase, what is not committed yet included. */
interface PhaseRows {
  readonly ids: IdRanges;
  succeeded: number;
  errored: number;
  cancelled: number;
}

export class RunStore implements AccountStore<IngestRow> {
  readonly path: string;
  readonly #db: SqliteDatabase;
  readonly #rows: RowInserter;
  readonly #chunks: ColumnChunks;
  readonly #telemetry: TelemetryWriter;
  readonly #statements = new Map<string, SqliteStatement>();
  readonly #row: unknown[];
  readonly #phases = new Map<number, PhaseRows>();
  /** A transaction is open. */
  #isOpen = false;
  #committedRows = 0;
  #pendingRows = 0;
  #failure: AssayError | undefined;

  private constructor(path: string, db: SqliteDatabase, metricTags: readonly string[]) {
    this.path = path;
    this.#db = db;
    this.#rows = new RowInserter(db, rowColumns(metricTags));
    this.#chunks = new ColumnChunks(db, metricTags);
    this.#telemetry = new TelemetryWriter(db);
    this.#row = rowBuffer(metricTags.length);
  }

  /**
   * Makes the folder and the file of a new run, header committed. Throws `already_exists` when the folder holds one,
   * `permission_denied` or `resource_exhausted` when it cannot be written, naming the path.
   */
  static create(folder: string, header: RunHeader, options: RunStoreOptions): RunStore {
    const path = join(folder, RUN_FILE);
    makeFolder(folder);
    const db = openSqlite(path, runFormat(options.metricTags), { mode: "create", ...limitOf(options) });
    try {
      const store = new RunStore(path, db, options.metricTags);
      store.#writeHeader(header);
      store.commit();
      return store;
    } catch (error) {
      db.close();
      throw sqliteError(error, `cannot create run file "${path}"`);
    }
  }

  /** Opens a run's file to go on writing, whatever ended its last writer. Reads all rows' keys once. Throws as `openSqlite`. */
  static open(folder: string, options: RunStoreOptions): RunStore {
    const path = join(folder, RUN_FILE);
    const db = openSqlite(path, runFormat(options.metricTags), { mode: "write", ...limitOf(options) });
    try {
      addMissing(db, options.metricTags);
      const store = new RunStore(path, db, options.metricTags);
      store.#loadKeys();
      return store;
    } catch (error) {
      db.close();
      throw sqliteError(error, `cannot open run file "${path}"`);
    }
  }

  /** Rows in `requests` that are committed. */
  get committedRows(): number {
    return this.#committedRows;
  }

  /** Rows put in since the last commit; the caller commits at 500, or 20 ms after the first. */
  get pendingRows(): number {
    return this.#pendingRows;
  }

  /** Rows of a phase by how their requests ended, those that were cancelled aside; uncommitted ones included. */
  endedRequests(phase: number): EndedRequests {
    return this.#phases.get(phase) ?? noRequests;
  }

  insert(row: IngestRow): boolean {
    // Not through `#write`: once for every record, without a closure of its own.
    if (this.#failure !== undefined) throw this.#failure;
    try {
      this.#begin();
      return this.#insert(row);
    } catch (error) {
      throw this.#failed("write records to", error);
    }
  }

  #insert({ record, recordProcessorId, raw }: IngestRow): boolean {
    if (this.has(record.creditId)) return false;
    bindRecord(this.#row, record, recordProcessorId);
    this.#rows.insert(this.#row);
    if (raw !== undefined) this.#insertRaw(record.creditId, raw);
    const outcome = outcomeOf(record.isCancelled, record.error !== undefined);
    const { creditId, contentStamps: stamps } = record;
    this.#chunks.add(this.#row, { creditId, phase: record.phase, isSuccess: outcome === "succeeded", stamps });
    const phase = this.#phase(record.phase);
    phase.ids.add(creditId);
    phase[outcome]++;
    this.#pendingRows++;
    return true;
  }

  #insertRaw(creditId: number, { reads, payload, requestBody, responseHeaders, cutBytes }: RawAnswer): void {
    const columns = "credit_id, reads, payload, request_body, response_headers, cut_bytes";
    const sql = `INSERT INTO raw (${columns}) VALUES (?, ?, ?, ?, ?, ?)`;
    this.#statement(sql).run(creditId, reads, payload, requestBody ?? null, responseHeaders ?? null, cutBytes ?? null);
  }

  has(creditId: number): boolean {
    for (const { ids } of this.#phases.values()) if (ids.has(creditId)) return true;
    return false;
  }

  insertLate({ record }: IngestRow): void {
    this.#write("write late records to", () => {
      this.#statement("INSERT INTO late VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (credit_id) DO NOTHING").run(
        record.creditId,
        record.phase,
        record.workerId,
        Math.round(record.sentNs),
        Math.round(record.endNs),
        record.error?.code ?? null,
        record.isCancelled ? 1 : 0,
      );
    });
  }

  /** Takes a row out of `requests` and into `conflicts`. */
  markConflict(creditId: number): void {
    this.#write("write conflicts to", () => {
      this.#rows.flush();
      const columns = "credit_id, phase, worker_id, sent_ns, end_ns, error_code, is_cancelled";
      const find = "SELECT phase, is_cancelled, error_code IS NOT NULL AS has_error FROM requests WHERE credit_id = ?";
      const row = this.#statement(find).get(creditId) as { phase: number; is_cancelled: number; has_error: number } | undefined;
      if (row === undefined) return;
      this.#statement(`INSERT INTO conflicts SELECT ${columns} FROM requests WHERE credit_id = ?`).run(creditId);
      this.#statement("DELETE FROM requests WHERE credit_id = ?").run(creditId);
      this.#chunks.removed(creditId);
      const phase = this.#phase(row.phase);
      phase.ids.remove(creditId);
      phase[outcomeOf(row.is_cancelled === 1, row.has_error === 1)]--;
      this.#pendingRows--;
    });
  }

  /** Closes a phase and brings the run's counts up to date. */
  writeClosed(closed: ClosedPhase): void {
    const { succeeded, errored, cancelled } = this.#phase(closed.phase);
    this.#write("close a phase in", () => {
      this.#chunks.flush();
      this.#statement(
        "INSERT INTO phases (phase, name, kind, has_ceiling) VALUES (?, ?, 'profiling', 0) ON CONFLICT (phase) DO NOTHING",
      ).run(closed.phase, `phase-${closed.phase}`);
      this.#statement(
        `UPDATE phases SET drawn = ?, unused = ?, dropped = ?, succeeded = ?, errored = ?, cancelled = ?, missing_record = ?,
          missing_lost = ?, unaccounted = ?, is_account_complete = ?, closing = ?, closed = 1 WHERE phase = ?`,
      ).run(
        closed.drawn,
        closed.unused,
        closed.dropped,
        succeeded,
        errored,
        cancelled,
        closed.missingRecord.count,
        closed.missingLost.count,
        closed.unaccounted,
        closed.isIncomplete ? 0 : 1,
        closedPhaseJson(closed),
        closed.phase,
      );
      this.#statement(RUN_COUNTS_SQL).run();
    });
  }

  *keys(): Iterable<RecordKey> {
    for (const [phase, { ids }] of this.#phases) for (const creditId of ids) yield { phase, creditId };
  }

  closedPhases(): ClosedPhase[] {
    const sql = "SELECT closing FROM phases WHERE closed = 1 ORDER BY phase";
    const rows = this.#try("read", () => this.#statement(sql).all() as { readonly closing: string }[]);
    return rows.map((row) => closedPhaseFrom(row.closing));
  }

  /** Keeps timing's last word on a phase, for a run whose timing process dies. */
  setHeartbeat(heartbeat: PhaseHeartbeat): void {
    this.#write("write a heartbeat to", () => {
      this.#statement("UPDATE phases SET heartbeat = ? WHERE phase = ?").run(JSON.stringify(heartbeat), heartbeat.phase);
    });
  }

  /** Heartbeats of the phases that are not closed. */
  openHeartbeats(): PhaseHeartbeat[] {
    const sql = "SELECT phase, heartbeat FROM phases WHERE closed = 0 ORDER BY phase";
    const rows = this.#try(
      "read",
      () => this.#statement(sql).all() as { readonly phase: number; readonly heartbeat: string | null }[],
    );
    return rows.map(({ phase, heartbeat }) => {
      if (heartbeat !== null) return JSON.parse(heartbeat) as PhaseHeartbeat;
      // Timing never said anything: all that is known is that the rows were drawn.
      return { phase, lowestId: 0, highestId: 0, unused: 0, dropped: 0, lost: 0 };
    });
  }

  startPhase(phase: number, startedNs: number): void {
    this.#write("start a phase in", () => {
      this.#statement("UPDATE phases SET started_ns = ? WHERE phase = ?").run(Math.round(startedNs), phase);
    });
  }

  endPhase(phase: number, endedNs: number): void {
    this.#write("end a phase in", () => {
      this.#statement("UPDATE phases SET ended_ns = ? WHERE phase = ?").run(Math.round(endedNs), phase);
    });
  }

  /** The run's state; `startedWallNs` is kept from the first call that gives it. */
  setState(state: string, startedWallNs?: number): void {
    this.#write("write the run's state to", () => {
      this.#statement("UPDATE run SET state = ?, started_wall_ns = coalesce(started_wall_ns, ?)").run(
        state,
        startedWallNs === undefined ? null : Math.round(startedWallNs),
      );
    });
  }

  /** Largest error of a clock offset between two hosts of the run; a smaller one than before changes nothing. */
  setClockUncertainty(ns: number): void {
    this.#write("write the clocks' uncertainty to", () => {
      this.#statement("UPDATE run SET clock_uncertainty_ns = max(clock_uncertainty_ns, ?)").run(Math.ceil(ns));
    });
  }

  /** How the run ended, with the client's verdict. A second call replaces the first. */
  endRun(end: RunEnd): void {
    this.#write("write the run's end to", () => {
      this.#statement(
        "UPDATE run SET state = ?, reason = ?, was_cancelled = ?, verdict = ?, verdict_reasons = ?, ended_wall_ns = ?",
      ).run(
        end.state,
        end.reason ?? null,
        end.wasCancelled ? 1 : 0,
        end.verdict ?? null,
        end.verdictReasons === undefined ? null : JSON.stringify(end.verdictReasons),
        Math.round(end.endedWallNs),
      );
    });
  }

  addWorkerUsage(rows: readonly WorkerUsage[]): void {
    this.#addAll(workerUsageTable, rows);
  }

  /** Number of a telemetry source in this file, new or not. */
  telemetrySource(facts: SourceFacts): number {
    return this.#write("write a telemetry source to", () => this.#telemetry.sourceOf(facts));
  }

  /** Place of a series, new or not, among the values of its source's scrapes. */
  telemetryPlace(source: number, facts: SeriesFacts): number {
    return this.#write("write a telemetry series to", () => this.#telemetry.placeOf(source, facts));
  }

  addScrapes(rows: readonly ScrapeRow[]): void {
    if (rows.length === 0) return;
    this.#write("write samples to", () => {
      for (const row of rows) this.#telemetry.addScrape(row);
    });
  }

  /** Last batch of observations of a member that this file has; 0: none. */
  lastObservation(memberId: string): number {
    return this.#try("read", () => this.#telemetry.lastSeqOf(memberId));
  }

  setLastObservation(memberId: string, seq: number): void {
    this.#write("write to", () => this.#telemetry.setLastSeq(memberId, seq));
  }

  /** What servers say of a phase; the last word on a model counts. */
  addServed(rows: readonly ServedModel[]): void {
    this.#addAll(servedTable, rows);
  }

  /** Members of the run; of a clock the last offset and drift count, and the largest uncertainty. */
  addMembers(rows: readonly MemberRow[]): void {
    this.#addAll(memberTable, rows);
  }

  /** Names that the dataset gives its conversations, by their indices. What is known of one already stays. */
  addConversations(names: ReadonlyMap<number, string>): void {
    this.#addAll(conversationTable, [...names]);
  }

  addEvents(rows: readonly EventRow[]): void {
    this.#addAll(eventTable, rows);
  }

  /** Commits everything written so far; without effect when there is nothing. */
  commit(): void {
    this.#try("write to", () => {
      if (this.#isOpen) {
        this.#rows.flush();
        this.#statement("COMMIT").run();
      }
      this.#isOpen = false;
    });
    this.#committedRows += this.#pendingRows;
    this.#pendingRows = 0;
  }

  /**
   * Commits and leaves `run.db` whole by itself, without side files unless a reader has it open. The store is of no use
   * afterwards. After a failed write it closes without a commit.
   */
  close(): void {
    if (this.#failure !== undefined) {
      this.#db.close();
      return;
    }
    this.commit();
    this.#try("finish", () => closeSqlite(this.#db));
  }

  #addAll<Row>({ insert, valuesOf }: ObservedTable<Row>, rows: readonly Row[]): void {
    this.#write("write to", () => {
      const statement = this.#statement(insert);
      for (const row of rows) statement.run(...valuesOf(row));
    });
  }

  #writeHeader(header: RunHeader): void {
    this.#write("write the header of", () => {
      this.#statement(
        `INSERT INTO run (id, run_id, spec, state, created_wall_ns, suite_wall_offset_ns, versions)
          VALUES (1, ?, ?, 'CREATED', ?, ?, ?)`,
      ).run(
        header.runId,
        header.spec,
        Math.round(header.createdWallNs),
        Math.round(header.suiteWallOffsetNs),
        JSON.stringify(header.versions),
      );
      for (const phase of header.phases) this.#addPhase(phase);
      for (let shard = 1; shard <= (header.otherShards ?? 0); shard++) {
        this.#statement("INSERT INTO shards (shard) VALUES (?)").run(shard);
      }
    });
  }

  #addPhase({ phase, name, kind, hasCeiling }: PhaseHeader): void {
    const sql = "INSERT INTO phases (phase, name, kind, has_ceiling) VALUES (?, ?, ?, ?)";
    this.#statement(sql).run(phase, name, kind, hasCeiling ? 1 : 0);
  }

  #loadKeys(): void {
    const sql = "SELECT credit_id, phase, is_cancelled, error_code IS NOT NULL FROM requests ORDER BY credit_id";
    const rows = this.#statement(sql).raw().iterate() as Iterable<[number, number, number, number]>;
    for (const [creditId, index, isCancelled, hasError] of rows) {
      const phase = this.#phase(index);
      phase.ids.add(creditId);
      phase[outcomeOf(isCancelled === 1, hasError === 1)]++;
      this.#chunks.found(creditId);
      this.#committedRows++;
    }
  }

  #phase(index: number): PhaseRows {
    let phase = this.#phases.get(index);
    if (phase === undefined) {
      phase = { ids: new IdRanges(), succeeded: 0, errored: 0, cancelled: 0 };
      this.#phases.set(index, phase);
    }
    return phase;
  }

  #statement(sql: string): SqliteStatement {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#db.prepare<unknown[]>(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  /** Does `work` inside the open transaction, opening one where there is none. */
  #write<Result>(attempt: string, work: () => Result): Result {
    return this.#try(attempt, () => {
      this.#begin();
      return work();
    });
  }

  #begin(): void {
    if (this.#isOpen) return;
    this.#statement("BEGIN IMMEDIATE").run();
    this.#isOpen = true;
  }

  #try<Result>(attempt: string, work: () => Result): Result {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      return work();
    } catch (error) {
      throw this.#failed(attempt, error);
    }
  }

  /** The store is of no use from here on; what it throws. */
  #failed(attempt: string, error: unknown): AssayError {
    const { code, message } = sqliteError(error, `cannot ${attempt} run file "${this.path}"`);
    const saved = this.#committedRows === 1 ? "1 record is" : `${this.#committedRows} records are`;
    this.#failure = new AssayError(code, `${message}; ${saved} saved in it`, { cause: error, metadata: { path: this.path } });
    return this.#failure;
  }
}

/** Brings the counts of the run up to date with those of its phases. */
export const RUN_COUNTS_SQL = `UPDATE run SET
  (drawn, unused, dropped, succeeded, errored, cancelled, missing_record, missing_lost, unaccounted) =
  (SELECT sum(drawn), sum(unused), sum(dropped), sum(succeeded), sum(errored), sum(cancelled), sum(missing_record),
    sum(missing_lost), sum(unaccounted) FROM phases),
  late = (SELECT count(*) FROM late), conflicts = (SELECT count(*) FROM conflicts)`;

const noRequests: EndedRequests = { succeeded: 0, errored: 0 };

/** The class of a finished request: exactly one of the three. */
function outcomeOf(isCancelled: boolean, hasError: boolean): "succeeded" | "errored" | "cancelled" {
  if (isCancelled) return "cancelled";
  return hasError ? "errored" : "succeeded";
}

function limitOf(options: RunStoreOptions): { readonly maxBytes?: number } {
  return options.maxBytes === undefined ? {} : { maxBytes: options.maxBytes };
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw new AssayError("permission_denied", `cannot make folder "${folder}" for a run: ${messageOf(error)}`, { cause: error });
  }
}
