/**
 * Reads one run's file without changing it, while its writer goes on or long after. A reader that stays open keeps the
 * writer's WAL from shrinking, so it is opened for one question and closed.
 */
import { join } from "node:path";
import { AssayError } from "../../common/errors.ts";
import type { RawAnswer } from "../../common/metric-record.ts";
import { RUN_FILE } from "../../common/run-file.ts";
import { closeSqlite, openSqlite, type SqliteDatabase, type SqliteStatement, sqliteError } from "../../common/sqlite.ts";
import type { UsageReading } from "../core/client-usage.ts";
import { HOST_FIELD } from "../core/filter-fields.ts";
import { columnSql, type SqlCondition } from "../core/filter-sql.ts";
import type { MemberRow } from "../core/rows.ts";
import type { WrongAnswer } from "../core/run-summary.ts";
import type { ServedModel } from "../core/served.ts";
import type { GapRow, ScrapeReading, SeriesPoints, SeriesRow, SourceRow } from "../core/telemetry-rows.ts";
import { ChunkReader, type Gaps, type RowChunk } from "./chunk-reader.ts";
import {
  memberOf,
  type PhaseRow,
  phaseOf,
  type Row,
  type RunRow,
  readingOf,
  runOf,
  type ServedRow,
  servedOf,
  type UsageColumns,
} from "./run-rows.ts";
import { chunkedColumns, columnsOf, quoted, requestColumns, runFormat } from "./schema.ts";
import { attachShards } from "./shard-files.ts";
import {
  readGaps,
  readLastScrapeNs,
  readPoints,
  readScrapeBound,
  readScrapeEnds,
  readScrapes,
  readSeries,
  readSources,
  type SeriesFilter,
} from "./telemetry-reader.ts";

/** Rows without a value in the column come last, equal ones by ascending credit id. */
export interface RowOrder {
  readonly column: string;
  readonly isDescending: boolean;
}

/** Which rows are read. */
export interface PageFilter {
  /** This phase alone. */
  readonly phase?: number;
  readonly where?: SqlCondition;
}

interface PagesOptions extends PageFilter {
  readonly after?: number;
  readonly pageRows?: number;
}

/** Which rows a page has, and in which order. */
export interface PageOptions extends PageFilter {
  readonly pageRows: number;
  /** Credit id of the last row of the page before. */
  readonly after?: number;
  /** Default: by ascending credit id. */
  readonly order?: RowOrder;
}

/** Rows fetched at a time: few enough to keep memory flat, many enough to make a call's cost vanish. */
const PAGE_ROWS = 5_000;

/** Stands in `pages` for the reads of the answer, packed as `chunk-stamps.ts` says; NULL where the run keeps none. */
export const READS_COLUMN = "reads";

/** Stands in `pages` for the answer as it came; NULL where the run keeps none. */
export const PAYLOAD_COLUMN = "payload";

export class RunReader {
  readonly path: string;
  readonly #db: SqliteDatabase;
  readonly #columns: Set<string>;
  readonly #rawColumns: readonly string[];
  #rawStatement: SqliteStatement | undefined;
  #chunks: ChunkReader | undefined;
  /** Tags of the record metrics that the file has a column for. */
  readonly metricTags: readonly string[];

  private constructor(path: string, db: SqliteDatabase) {
    this.path = path;
    this.#db = db;
    this.#columns = new Set(columnsOf(db, "requests"));
    if (columnsOf(db, "members").length > 0) this.#columns.add(HOST_FIELD);
    this.#rawColumns = columnsOf(db, "raw");
    this.metricTags = [...this.#columns].filter((name) => !requestColumns.includes(name) && name !== HOST_FIELD);
  }

  /**
   * Opens `<folder>/run.db`, and with it the files of further shards that have rows which it has not. Throws as `openSqlite`.
   * @param isAlone without those
   */
  static open(folder: string, isAlone = false): RunReader {
    const path = join(folder, RUN_FILE);
    const db = openSqlite(path, runFormat([]), { mode: "read" });
    try {
      if (!isAlone) attachShards(db, folder);
      return new RunReader(path, db);
    } catch (error) {
      db.close();
      throw sqliteError(error, `cannot read run file "${path}"`);
    }
  }

  /** Highest minus lowest credit id, plus 1: at least as many as there are rows, and known without counting them. */
  rowBound(): number {
    // Each by itself: SQLite looks at every row where both are asked for at once.
    const bound = `SELECT coalesce((SELECT max(credit_id) FROM requests) - (SELECT min(credit_id) FROM requests) + 1, 0)`;
    return this.#read(() => this.#db.prepare(bound).pluck().get() as number);
  }

  /** Does `work` with the file as it is at this moment, whatever is written meanwhile; the writer's WAL does not shrink until then. */
  atOneMoment<Result>(work: () => Result): Result {
    try {
      return this.#db.transaction(work)();
    } finally {
      this.#chunks = undefined;
    }
  }

  /** Tags of those metrics that any request has a value of. */
  tagsWithValues(tags: readonly string[]): Set<string> {
    return this.#read(() => this.#chunkReader().namesWithValues(tags));
  }

  /**
   * All requests by ascending credit id as columns, some thousand at a time: the way to go over millions of them. `names` are metrics' tags
   * and columns of `chunkedColumns`; one that the file lacks has no value. Each chunk is good until the next one is asked for.
   */
  *chunks(names: readonly string[]): Generator<RowChunk> {
    yield* this.#reading(this.#chunkReader().chunks(names));
  }

  /** Gaps between chunks of the succeeded requests of some phases, in no order. */
  *gaps(phases: readonly number[]): Generator<Gaps> {
    yield* this.#reading(this.#chunkReader().gaps(phases));
  }

  run(): RunRow {
    const row = this.#read(() => this.#db.prepare("SELECT * FROM run").get() as Row);
    return runOf(row);
  }

  /** Ascending. */
  phases(): PhaseRow[] {
    const late = "(SELECT count(*) FROM late WHERE late.phase = phases.phase) AS late";
    const conflicts = "(SELECT count(*) FROM conflicts WHERE conflicts.phase = phases.phase) AS conflicts";
    const sql = `SELECT *, ${late}, ${conflicts} FROM phases ORDER BY phase`;
    return this.#read(() => this.#db.prepare(sql).all() as Row[]).map(phaseOf);
  }

  /** Those that are no warm-up, by index. */
  measuredPhases(): Set<number> {
    return new Set(this.phases().flatMap(({ phase, kind }) => (kind === "profiling" ? [phase] : [])));
  }

  /** Calls `visit` with what workers reported, in the order of time. */
  forEachUsage(visit: (reading: UsageReading) => void): void {
    const sql = `SELECT worker_id, ns, loop_utilisation, loop_delay_max_ns, gc_ns, gc_count, gc_max_ns, open_fds / max_fds,
      opened_connections, replaced_connections, open_fds, connections FROM worker_usage ORDER BY ns`;
    this.#read(() => {
      for (const row of this.#db.prepare(sql).raw().iterate() as IterableIterator<UsageColumns>) visit(readingOf(row));
    });
  }

  /** How many events of `kind` there were. */
  eventCount(kind: string): number {
    return this.#read(() => this.#db.prepare("SELECT count(*) FROM events WHERE kind = ?").pluck().get(kind) as number);
  }

  /** What the first event of `kind` says; undefined: there was none. */
  eventText(kind: string): string | undefined {
    return this.#read(() => {
      const sql = "SELECT message FROM events WHERE kind = ? ORDER BY ns LIMIT 1";
      return this.#db.prepare(sql).pluck().get(kind) as string | undefined;
    });
  }

  /** When events of `kind` happened, suite time, in their order. */
  eventTimes(kind: string): number[] {
    return this.#read(() => this.#db.prepare("SELECT ns FROM events WHERE kind = ? ORDER BY ns").pluck().all(kind) as number[]);
  }

  /** Telemetry series, in the order in which they were first seen. */
  series(filter: SeriesFilter = {}): SeriesRow[] {
    return this.#read(() => readSeries(this.#db, filter));
  }

  /** Values of telemetry series by their numbers, of scrapes that ended within a span of suite time, both ends included. */
  seriesPoints(series: readonly number[], fromNs: number, toNs: number): Map<number, SeriesPoints> {
    return this.#read(() => readPoints(this.#db, series, fromNs, toNs));
  }

  /** All scrapes of one source, in order of time. */
  scrapes(kind: string, name: string): Generator<ScrapeReading> {
    return this.#reading(readScrapes(this.#db, kind, name));
  }

  /** When the scrapes of one source ended that gave something, ascending. */
  scrapeEnds(kind: string, name: string): Float64Array {
    return this.#read(() => readScrapeEnds(this.#db, kind, name));
  }

  /** At least as many as there are scrapes, and known without counting them. */
  scrapeBound(): number {
    return this.#read(() => readScrapeBound(this.#db));
  }

  /** End of the last scrape of any source; undefined: there is none. */
  lastScrapeNs(): number | undefined {
    return this.#read(() => readLastScrapeNs(this.#db));
  }

  /** Scrapes that gave nothing, in order of time. */
  telemetryGaps(): GapRow[] {
    return this.#read(() => readGaps(this.#db));
  }

  /** What was scraped, in the order in which it was first seen. */
  telemetrySources(): SourceRow[] {
    return this.#read(() => readSources(this.#db));
  }

  /** What servers say that their models did, by phase; nothing in a file of before that. */
  served(): ServedModel[] {
    return this.#read(() => {
      if (columnsOf(this.#db, "served_models").length === 0) return [];
      const rows = this.#db.prepare("SELECT * FROM served_models ORDER BY phase, server, model, version").all() as ServedRow[];
      return rows.map(servedOf);
    });
  }

  /** Processes of the suite that took part, by host and id; none in a file of before that. */
  members(): MemberRow[] {
    return this.#read(() => {
      if (!this.#columns.has(HOST_FIELD)) return [];
      const rows = this.#db.prepare("SELECT * FROM members ORDER BY host, member_id").all() as Row[];
      return rows.map(memberOf);
    });
  }

  /** What is kept of the wrong answers to some credits, in their order. */
  wrongAnswers(creditIds: readonly number[]): WrongAnswer[] {
    const sql = `SELECT conversation, turn, coalesce(check_reason, '') AS reason, coalesce(answer, '') AS answer
      FROM requests WHERE credit_id = ?`;
    return this.#read(() => creditIds.map((creditId) => this.#db.prepare(sql).get(creditId) as WrongAnswer));
  }

  /** Conversations that were drawn, ascending, at most `limit`. */
  conversations(limit: number): number[] {
    const sql = "SELECT DISTINCT conversation FROM requests ORDER BY conversation LIMIT ?";
    return this.#read(() => this.#db.prepare(sql).pluck().all(limit) as number[]);
  }

  /** Names of the conversations that the dataset names, by their indices. */
  conversationNames(): Map<number, string> {
    const rows = this.#read(() => this.#db.prepare("SELECT conversation, name FROM conversations").raw().all());
    return new Map(rows as [number, string][]);
  }

  /**
   * The rows of `requests` by ascending credit id, in pages of arrays: the credit id, then `columns` in order. A column that
   * the file lacks is NULL in every row. Memory is that of one page. `after` skips ids up to and with it.
   */
  *pages(columns: readonly string[], options: PagesOptions = {}): Generator<unknown[][]> {
    const host = columns.indexOf(HOST_FIELD);
    if (host < 0) {
      yield* this.#pages(columns, options);
      return;
    }
    // Chunks have workers, which are few.
    const hosts = new Map(this.members().map((member) => [member.memberId, member.host]));
    for (const rows of this.#pages(columns.with(host, "worker_id"), options)) {
      for (const row of rows) row[1 + host] = hosts.get(String(row[1 + host])) ?? null;
      yield rows;
    }
  }

  *#pages(columns: readonly string[], options: PagesOptions): Generator<unknown[][]> {
    const { phase, where: condition, after: behind } = options;
    if (condition === undefined && behind === undefined && columns.every((column) => this.#isChunked(column))) {
      const chunks = this.#read(() => this.#chunkReader());
      if (chunks.hasChunks) {
        yield* this.#reading(chunks.pages(columns, phase));
        return;
      }
    }
    const pageRows = options.pageRows ?? PAGE_ROWS;
    const kept = conditionsOf(options);
    const where = kept.map(({ sql }) => `AND ${sql}`).join(" ");
    const selected = ["credit_id", ...columns.map((column) => this.#expressionOf(column))].join(", ");
    const sql = `SELECT ${selected} FROM requests WHERE credit_id > ? ${where} ORDER BY credit_id LIMIT ?`;
    const statement = this.#read(() => this.#db.prepare(sql).raw());
    const bound = kept.flatMap(({ parameters }) => parameters);
    let after = options.after ?? -1;
    for (;;) {
      const rows = this.#read(() => statement.all(after, ...bound, pageRows) as unknown[][]);
      const last = rows.at(-1);
      if (last === undefined) return;
      after = last[0] as number;
      yield rows;
      if (rows.length < pageRows) return;
    }
  }

  /** Whether `requests` has the column. */
  hasColumn(column: string): boolean {
    return this.#columns.has(column);
  }

  /** As a page of `pages`, of the rows that are asked for. With an order each page looks at every row. */
  page(columns: readonly string[], { pageRows, after, order, ...filter }: PageOptions): unknown[][] {
    const conditions = [...conditionsOf(filter), ...(after === undefined ? [] : [this.#behind(after, order)])];
    const selected = ["credit_id", ...columns.map((column) => this.#expressionOf(column))].join(", ");
    const kept = conditions.length === 0 ? "" : `WHERE ${conditions.map(({ sql }) => sql).join(" AND ")}`;
    const sql = `SELECT ${selected} FROM requests ${kept} ORDER BY ${this.#orderSql(order)} LIMIT ?`;
    const parameters = conditions.flatMap((condition) => condition.parameters);
    return this.#read(
      () =>
        this.#db
          .prepare(sql)
          .raw()
          .all(...parameters, pageRows) as unknown[][],
    );
  }

  /** As a page of `pages`, of the rows with these credit ids, in no order. */
  rowsOf(columns: readonly string[], ids: Iterable<number>): unknown[][] {
    const selected = ["credit_id", ...columns.map((column) => this.#expressionOf(column))].join(", ");
    const sql = `SELECT ${selected} FROM requests WHERE credit_id IN (SELECT value FROM json_each(?))`;
    return this.#read(
      () =>
        this.#db
          .prepare(sql)
          .raw()
          .all(JSON.stringify([...ids])) as unknown[][],
    );
  }

  #orderSql(order: RowOrder | undefined): string {
    if (order === undefined) return "credit_id";
    const column = columnSql(order.column, this);
    return `${column} IS NULL, ${column} ${order.isDescending ? "DESC" : "ASC"}, credit_id`;
  }

  /** The rows that come after that of a credit. */
  #behind(creditId: number, order: RowOrder | undefined): SqlCondition {
    if (order === undefined) return { sql: "credit_id > ?", parameters: [creditId] };
    const column = columnSql(order.column, this);
    const last = `SELECT ${column} FROM requests WHERE credit_id = ?`;
    const value = this.#read(() => this.#db.prepare(last).pluck().get(creditId) as number | string | null | undefined);
    if (value === null || value === undefined) return { sql: `(${column} IS NULL AND credit_id > ?)`, parameters: [creditId] };
    const further = `${column} ${order.isDescending ? "<" : ">"} ?`;
    return {
      sql: `(${further} OR (${column} = ? AND credit_id > ?) OR ${column} IS NULL)`,
      parameters: [value, value, creditId],
    };
  }

  /** `sent_ns` and `columns` of every request, by ascending send time. SQLite sorts in its own files: memory is that of one row. */
  *bySendTime(columns: readonly string[]): Generator<unknown[]> {
    yield* this.#ordered(["sent_ns", ...columns], "sent_ns, credit_id");
  }

  /** The credit id and `columns` of every request, by session and turn; likewise. */
  *bySession(columns: readonly string[]): Generator<unknown[]> {
    yield* this.#ordered(["credit_id", ...columns], "session_num, turn, credit_id");
  }

  /** What is kept of a request and its answer as they were; undefined: nothing. */
  raw(creditId: number): RawAnswer | undefined {
    const later = ["request_body", "response_headers", "cut_bytes"].map((name) =>
      this.#rawColumns.includes(name) ? name : "NULL",
    );
    const sql = `SELECT reads, payload, ${later.join(", ")} FROM raw WHERE credit_id = ?`;
    this.#rawStatement ??= this.#read(() => this.#db.prepare(sql).raw());
    const statement = this.#rawStatement;
    const row = this.#read(() => statement.get(creditId) as RawColumns | undefined);
    if (row === undefined) return undefined;
    const [reads, payload, requestBody, responseHeaders, cutBytes] = row;
    const asked = { requestBody: requestBody ?? undefined, responseHeaders: responseHeaders ?? undefined };
    return { reads, payload, ...asked, cutBytes: cutBytes ?? undefined };
  }

  *#ordered(columns: readonly string[], order: string): Generator<unknown[]> {
    const selected = columns.map((column) => this.#expressionOf(column)).join(", ");
    const statement = this.#read(() => this.#db.prepare(`SELECT ${selected} FROM requests ORDER BY ${order}`).raw());
    try {
      yield* statement.iterate() as IterableIterator<unknown[]>;
    } catch (error) {
      throw sqliteError(error, `cannot read run file "${this.path}"`);
    }
  }

  close(): void {
    closeSqlite(this.#db);
  }

  #isChunked(column: string): boolean {
    return chunkedColumns.has(column) || this.metricTags.includes(column);
  }

  #expressionOf(column: string): string {
    if (column === READS_COLUMN) return "(SELECT reads FROM raw WHERE raw.credit_id = requests.credit_id)";
    if (column === PAYLOAD_COLUMN) return "(SELECT payload FROM raw WHERE raw.credit_id = requests.credit_id)";
    if (!this.#columns.has(column)) return "NULL";
    if (column === HOST_FIELD) return columnSql(column, this);
    return requestColumns.includes(column) ? column : quoted(column);
  }

  /** Kept while the file does not change under it. */
  #chunkReader(): ChunkReader {
    if (!this.#db.inTransaction) return new ChunkReader(this.#db, (column) => this.#expressionOf(column));
    this.#chunks ??= new ChunkReader(this.#db, (column) => this.#expressionOf(column));
    return this.#chunks;
  }

  /** What goes wrong with reading names the file; errors of whoever takes the rows pass. */
  *#reading<Row>(rows: Generator<Row>): Generator<Row> {
    for (;;) {
      const { done, value } = this.#read(() => {
        try {
          return rows.next();
        } catch (error) {
          if (!(error instanceof AssayError)) throw error;
          throw new AssayError(error.code, `cannot read run file "${this.path}": ${error.message}`, { cause: error });
        }
      });
      if (done === true) return;
      yield value;
    }
  }

  #read<Result>(work: () => Result): Result {
    try {
      return work();
    } catch (error) {
      throw sqliteError(error, `cannot read run file "${this.path}"`);
    }
  }
}

type RawColumns = [
  reads: Uint8Array,
  payload: Uint8Array,
  requestBody: Uint8Array | null,
  responseHeaders: string | null,
  cutBytes: number | null,
];

function conditionsOf({ phase, where }: PageFilter): SqlCondition[] {
  return [...(phase === undefined ? [] : [{ sql: "phase = ?", parameters: [phase] }]), ...(where === undefined ? [] : [where])];
}
