/**
 * The tables of a run file. Times whose name ends in `_ns` are suite time (the controller host's CLOCK_MONOTONIC); `_wall_ns`
 * count from the Unix epoch. A request's `first_byte_ns`, `first_content_ns`, `last_content_ns`, `end_ns` and `cancelled_ns`
 * count from its `sent_ns`. `requests` has one nullable REAL column per record metric, named by the metric's tag, in the
 * metric's unit.
 */
import { AssayError } from "../../common/errors.ts";
import { RUN_APPLICATION_ID } from "../../common/run-file.ts";
import type { SqliteDatabase, SqliteFormat } from "../../common/sqlite.ts";
import { SERVED_TIMES } from "../core/served.ts";
import { FROM_VALUE_ROWS, VALUE_ROWS } from "./telemetry-tables.ts";

/** Columns of `requests` that every run has, in the order in which `store/bind.ts` binds them. */
const REQUEST_COLUMNS = {
  credit_id: "INTEGER PRIMARY KEY",
  phase: "INTEGER NOT NULL",
  conversation: "INTEGER NOT NULL",
  turn: "INTEGER NOT NULL",
  session_id: "INTEGER NOT NULL",
  session_num: "INTEGER NOT NULL",
  parent_session: "INTEGER",
  root_session: "INTEGER",
  agent_depth: "INTEGER NOT NULL",
  request_id: "TEXT NOT NULL",
  correlation_id: "TEXT NOT NULL",
  worker_id: "TEXT NOT NULL",
  record_processor_id: "TEXT NOT NULL",
  target: "INTEGER NOT NULL",
  model: "TEXT NOT NULL",
  due_ns: "INTEGER",
  issued_ns: "INTEGER NOT NULL",
  received_ns: "INTEGER NOT NULL",
  sent_ns: "INTEGER NOT NULL",
  wall_offset_ns: "INTEGER NOT NULL",
  first_byte_ns: "INTEGER",
  first_content_ns: "INTEGER",
  last_content_ns: "INTEGER",
  end_ns: "INTEGER NOT NULL",
  status: "INTEGER NOT NULL",
  error_code: "TEXT",
  error_phase: "TEXT",
  error_message: "TEXT",
  is_cancelled: "INTEGER NOT NULL",
  cancelled_ns: "INTEGER",
  connect_ns: "INTEGER",
  is_connection_reused: "INTEGER NOT NULL",
  is_streaming: "INTEGER NOT NULL",
  request_bytes: "INTEGER NOT NULL",
  response_bytes: "INTEGER NOT NULL",
  coalesced_chunks: "INTEGER NOT NULL",
  finish_reason: "TEXT",
  token_source: "TEXT NOT NULL",
  has_usage_mismatch: "INTEGER NOT NULL",
  is_stream_ignored: "INTEGER NOT NULL",
  requested_output_tokens: "INTEGER",
} as const;

/** Nullable columns that older files lack, bound behind the others: NULL is read there, and a file that is written on gets them. */
const LATER_COLUMNS = {
  blocked_ns: "INTEGER",
  dns_ns: "INTEGER",
  tcp_ns: "INTEGER",
  tls_ns: "INTEGER",
  written_ns: "INTEGER",
  local_address: "TEXT",
  remote_address: "TEXT",
  row_group: "TEXT",
  is_correct: "INTEGER",
  is_unchecked: "INTEGER",
  check_reason: "TEXT",
  answer: "TEXT",
} as const;

/** Columns of `raw` that older files lack: NULL is read there, and a file that is written on gets them. */
const LATER_RAW_COLUMNS = { request_body: "BLOB", response_headers: "TEXT", cut_bytes: "INTEGER" } as const;

/** Last in the row, so that a long one, which SQLite moves to pages of its own, leaves the numbers before it on the row's page. */
export const STAMPS_COLUMN = "content_stamps";

export const requestColumns: readonly string[] = [...Object.keys(REQUEST_COLUMNS), ...Object.keys(LATER_COLUMNS), STAMPS_COLUMN];

/** Columns of `requests` that chunks have beside the metrics: what summaries are made of. */
export const chunkedColumns: ReadonlySet<string> = new Set([
  "phase",
  "turn",
  "worker_id",
  "target",
  "due_ns",
  "issued_ns",
  "received_ns",
  "sent_ns",
  "first_content_ns",
  "last_content_ns",
  "end_ns",
  "status",
  "error_code",
  "error_phase",
  "error_message",
  "is_cancelled",
  "connect_ns",
  "coalesced_chunks",
  "finish_reason",
  "has_usage_mismatch",
  "is_stream_ignored",
  "requested_output_tokens",
  "tcp_ns",
  "token_source",
  "is_correct",
  "is_unchecked",
]);

/** Whether a column of `requests` holds texts. */
export function isTextColumn(name: string): boolean {
  const types: Readonly<Record<string, string>> = { ...REQUEST_COLUMNS, ...LATER_COLUMNS };
  return types[name]?.startsWith("TEXT") === true;
}

/**
 * Once more, column by column, what `requests` has of 4096 neighbouring credit ids (`chunk` × 4096 and up): a summary of millions of rows reads a few
 * columns of them. `name` is a column of `requests`, `gaps:` and the index of a phase, or `columns`: which columns it was made of. A chunk that is there has all rows of its ids;
 * one that is not is read from `requests`. Made anew by whoever writes on in an older file.
 */
const CHUNKS_TABLE = `CREATE TABLE IF NOT EXISTS chunks (
  chunk INTEGER NOT NULL,
  name TEXT NOT NULL,
  data BLOB NOT NULL,
  PRIMARY KEY (chunk, name)
) STRICT;
`;

/**
 * Files of other records-managers that have rows of the run, `shard-<n>/run.db` beside this one: whoever reads this file reads those, too, as far as their rows
 * are not here. Empty where one records-manager writes all. `merged_to`: rows up to this credit id are here; `is_merged`: everything is.
 */
const SHARDS_TABLE = `CREATE TABLE IF NOT EXISTS shards (
  shard INTEGER PRIMARY KEY,
  merged_to INTEGER NOT NULL DEFAULT -1,
  is_merged INTEGER NOT NULL DEFAULT 0
) STRICT;
`;

/** What servers count of their models' work over a phase; a count and all durations together for each of `SERVED_TIMES`. */
const SERVED_TABLE = `CREATE TABLE IF NOT EXISTS served_models (
  phase INTEGER NOT NULL,
  server TEXT NOT NULL,
  model TEXT NOT NULL,
  version TEXT NOT NULL,
  inferences INTEGER NOT NULL,
  executions INTEGER NOT NULL,
  ${SERVED_TIMES.map((name) => `${name}_count INTEGER NOT NULL, ${name}_ns INTEGER NOT NULL`).join(",\n  ")},
  batches TEXT NOT NULL,
  PRIMARY KEY (phase, server, model, version)
) STRICT;
`;

/** Processes of the suite that took part, and their clocks against suite time. Written anew by whoever writes on in an older file. */
const MEMBERS_TABLE = `CREATE TABLE IF NOT EXISTS members (
  member_id TEXT PRIMARY KEY,
  host TEXT NOT NULL,
  services TEXT NOT NULL,
  pid INTEGER NOT NULL,
  cores INTEGER NOT NULL,
  labels TEXT NOT NULL,
  version TEXT NOT NULL,
  clock_offset_ns REAL,
  clock_uncertainty_ns REAL,
  clock_drift_ppm REAL
) STRICT;
`;

/** For people: names, wall time, milliseconds. A column that an older file lacks is missed by who reads the view, not before. */
const VIEWS = `CREATE VIEW IF NOT EXISTS records AS
  SELECT credit_id, phases.name AS phase, kind AS phase_kind, conversation, conversations.name AS conversation_name, turn,
    session_num AS session, target, model, worker_id AS worker,
    (SELECT host FROM members WHERE member_id = worker_id) AS host,
    CASE WHEN is_cancelled = 1 THEN 'cancelled' WHEN error_code IS NULL THEN 'succeeded' ELSE 'errored' END AS outcome,
    error_code AS error, status,
    strftime('%Y-%m-%dT%H:%M:%fZ', (sent_ns + suite_wall_offset_ns) / 1e9, 'unixepoch') AS sent_at,
    (sent_ns - started_ns) / 1e9 AS sent_sec,
    (sent_ns - started_ns + end_ns) / 1e9 AS ended_sec,
    end_ns / 1e6 AS duration_ms,
    (sent_ns - due_ns) / 1e6 AS lateness_ms,
    time_to_first_token AS ttft_ms,
    inter_token_latency AS itl_ms,
    request_latency AS latency_ms,
    input_sequence_length AS input_tokens,
    output_sequence_length AS output_tokens
  FROM requests JOIN phases USING (phase) LEFT JOIN conversations USING (conversation) CROSS JOIN run;
CREATE VIEW IF NOT EXISTS timeline AS
  SELECT strftime('%Y-%m-%dT%H:%M:%fZ', (ns + suite_wall_offset_ns) / 1e9, 'unixepoch') AS at,
    (ns + suite_wall_offset_ns - coalesce(started_wall_ns, created_wall_ns)) / 1e9 AS sec,
    service, events.kind AS kind, message
  FROM events CROSS JOIN run;
`;

const PHASE_COUNT_COLUMNS = `
  drawn INTEGER, unused INTEGER, dropped INTEGER, succeeded INTEGER, errored INTEGER, cancelled INTEGER,
  missing_record INTEGER, missing_lost INTEGER, unaccounted INTEGER`;

const OTHER_TABLES = `
CREATE TABLE run (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  run_id TEXT NOT NULL,
  spec TEXT NOT NULL,
  state TEXT NOT NULL,
  reason TEXT,
  was_cancelled INTEGER NOT NULL DEFAULT 0,
  verdict TEXT,
  verdict_reasons TEXT,
  ${PHASE_COUNT_COLUMNS}, late INTEGER, conflicts INTEGER,
  created_wall_ns INTEGER NOT NULL,
  started_wall_ns INTEGER,
  ended_wall_ns INTEGER,
  suite_wall_offset_ns INTEGER NOT NULL,
  clock_uncertainty_ns INTEGER NOT NULL DEFAULT 0,
  versions TEXT NOT NULL
) STRICT;
CREATE TABLE phases (
  phase INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  kind TEXT NOT NULL,
  has_ceiling INTEGER NOT NULL,
  started_ns INTEGER,
  ended_ns INTEGER,
  heartbeat TEXT,
  closing TEXT,
  is_account_complete INTEGER,
  ${PHASE_COUNT_COLUMNS},
  closed INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE late (
  credit_id INTEGER PRIMARY KEY,
  phase INTEGER NOT NULL,
  worker_id TEXT NOT NULL,
  sent_ns INTEGER NOT NULL,
  end_ns INTEGER NOT NULL,
  error_code TEXT,
  is_cancelled INTEGER NOT NULL
) STRICT;
CREATE TABLE conflicts (
  credit_id INTEGER PRIMARY KEY,
  phase INTEGER NOT NULL,
  worker_id TEXT NOT NULL,
  sent_ns INTEGER NOT NULL,
  end_ns INTEGER NOT NULL,
  error_code TEXT,
  is_cancelled INTEGER NOT NULL
) STRICT;
CREATE TABLE worker_usage (
  worker_id TEXT NOT NULL,
  ns INTEGER NOT NULL,
  loop_utilisation REAL,
  loop_delay_p99_ns REAL,
  loop_delay_max_ns REAL,
  gc_ns REAL,
  gc_count REAL,
  gc_max_ns REAL,
  cpu_ratio REAL,
  rss_bytes REAL,
  open_fds REAL,
  max_fds REAL,
  in_flight REAL,
  outbox_bytes REAL,
  connections REAL,
  opened_connections REAL,
  replaced_connections REAL
) STRICT;
CREATE TABLE conversations (
  conversation INTEGER PRIMARY KEY,
  name TEXT NOT NULL
) STRICT;
CREATE TABLE events (
  ns INTEGER NOT NULL,
  service TEXT NOT NULL,
  kind TEXT NOT NULL,
  message TEXT NOT NULL,
  detail TEXT
) STRICT;
CREATE TABLE raw (
  credit_id INTEGER PRIMARY KEY,
  reads BLOB NOT NULL,
  payload BLOB NOT NULL,
  ${Object.entries(LATER_RAW_COLUMNS)
    .map(([name, type]) => `${name} ${type}`)
    .join(", ")}
) STRICT;
`;

/** The format of a run file whose requests have a column for each of `metricTags`. */
export function runFormat(metricTags: readonly string[]): SqliteFormat {
  const columns = [
    ...Object.entries({ ...REQUEST_COLUMNS, ...LATER_COLUMNS }).map(([name, type]) => `${name} ${type}`),
    ...metricTags.map((tag) => `${quoted(tag)} REAL`),
    `${STAMPS_COLUMN} BLOB NOT NULL`,
  ];
  const requests = `CREATE TABLE requests (\n  ${columns.join(",\n  ")}\n) STRICT;`;
  const first = OTHER_TABLES + VALUE_ROWS + SERVED_TABLE + CHUNKS_TABLE + MEMBERS_TABLE + SHARDS_TABLE + requests + VIEWS;
  return { what: "run file", applicationId: RUN_APPLICATION_ID, migrations: [first, FROM_VALUE_ROWS] };
}

/** Adds what the program knows and an older program's file does not have. Values of added columns stay NULL. */
export function addMissing(db: SqliteDatabase, metricTags: readonly string[]): void {
  db.exec(SERVED_TABLE + CHUNKS_TABLE + MEMBERS_TABLE + SHARDS_TABLE);
  const present = new Set(columnsOf(db, "requests"));
  const add = (name: string, type: string): void => {
    if (!present.has(name)) db.exec(`ALTER TABLE requests ADD COLUMN ${name} ${type}`);
  };
  for (const [name, type] of Object.entries(LATER_COLUMNS)) add(name, type);
  for (const tag of metricTags) if (!present.has(tag)) add(quoted(tag), "REAL");
  const presentRaw = columnsOf(db, "raw");
  for (const [name, type] of Object.entries(LATER_RAW_COLUMNS)) {
    if (!presentRaw.includes(name)) db.exec(`ALTER TABLE raw ADD COLUMN ${name} ${type}`);
  }
  db.exec(VIEWS);
}

/** The columns that a table of the file has. @param schema of an attached file; default: wherever the name is found first */
export function columnsOf(db: SqliteDatabase, table: "requests" | "raw" | "served_models" | "members", schema = ""): string[] {
  const columns = db.pragma(`${schema === "" ? "" : `${schema}.`}table_info(${table})`) as { readonly name: string }[];
  return columns.map((column) => column.name);
}

/** A metric's tag as an SQL identifier. Tags are lower snake case; anything else is a mistake in the catalog. */
export function quoted(tag: string): string {
  if (!/^[a-z][a-z0-9_]*$/.test(tag)) throw new AssayError("internal", `metric tag must be lower snake case, got "${tag}"`);
  if (requestColumns.includes(tag)) throw new AssayError("internal", `metric tag "${tag}" is the name of a column`);
  return `"${tag}"`;
}
