/**
 * Brings the rows of further shards into the file of the run, so that whoever reads it afterwards finds one file. Some ten thousand rows are one transaction, and
 * what is in the file is not read from the others any more from then on: readers see every row once, and whoever dies in the middle is
 * gone on with. The shards' files are removed at the end.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { shardFolderName } from "../../common/record-shard.ts";
import { RUN_FILE } from "../../common/run-file.ts";
import { closeSqlite, openSqlite, type SqliteDatabase, sqliteError } from "../../common/sqlite.ts";
import { type ClosedPhase, wholeClosing } from "../core/accounts.ts";
import { closedPhaseFrom, closedPhaseJson } from "./closed-phase.ts";
import { CHUNK_ROWS } from "./column-chunks.ts";
import { RUN_COUNTS_SQL } from "./run-store.ts";
import { columnsOf, runFormat } from "./schema.ts";
import { attachShard, commonColumns, openShards, shardSchema } from "./shard-files.ts";

export interface ShardMerge {
  /** That came from other files. */
  readonly rows: number;
  /** Shards whose file is not there: their rows are missing. */
  readonly missing: readonly number[];
}

/** Rows that move in one transaction, about: what a reader or another writer waits for. */
const stepRows = 16 * CHUNK_ROWS;
/** Above every credit id. */
const allIds = Number.MAX_SAFE_INTEGER;

/**
 * Without effect where all is in one file. A phase is closed behind it where every shard had closed it by timing's account, and open where one had not, or is
 * missing. Nothing may write the shards' files. Throws as `openSqlite`, and `resource_exhausted` where the disk is full: what has moved stays.
 */
export function mergeShards(folder: string): ShardMerge {
  const path = join(folder, RUN_FILE);
  const db = openSqlite(path, runFormat([]), { mode: "write" });
  try {
    const shards = openShards(db);
    const there = shards.filter((shard) => attachShard(db, folder, shard));
    const missing = shards.filter((shard) => !there.includes(shard));
    if (shards.length === 0) return { rows: 0, missing };
    const rows = there.reduce((sum, shard) => sum + moveRows(db, shard), 0);
    db.transaction(() => conclude(db, there, missing)).immediate();
    for (const shard of there) {
      db.exec(`DETACH ${shardSchema(shard)}`);
      rmSync(join(folder, shardFolderName(shard)), { recursive: true, force: true });
    }
    return { rows, missing };
  } catch (error) {
    throw sqliteError(error, `cannot bring the shards of run file "${path}" into it`);
  } finally {
    closeSqlite(db);
  }
}

function moveRows(db: SqliteDatabase, shard: number): number {
  const schema = shardSchema(shard);
  const next = db
    .prepare(`SELECT credit_id FROM ${schema}.requests WHERE credit_id > ? ORDER BY credit_id LIMIT 1 OFFSET ?`)
    .pluck();
  const copy = (table: "requests" | "raw"): string => {
    const names = columnsOf(db, table, "main").map((name) => `"${name}"`);
    return `INSERT OR IGNORE INTO main.${table} (${names.join(", ")}) SELECT ${commonColumns(db, table, schema)} FROM ${schema}.${table}
      WHERE credit_id > ? AND credit_id <= ? ORDER BY credit_id`;
  };
  const requests = db.prepare(copy("requests"));
  const raw = db.prepare(copy("raw"));
  const chunks = db.prepare(
    `INSERT OR IGNORE INTO main.chunks SELECT * FROM ${schema}.chunks WHERE chunk * ${CHUNK_ROWS} > ? AND chunk * ${CHUNK_ROWS} <= ?`,
  );
  const done = db.prepare(`UPDATE main.shards SET merged_to = ? WHERE shard = ${shard}`);
  let rows = 0;
  let from = db.prepare(`SELECT merged_to FROM main.shards WHERE shard = ${shard}`).pluck().get() as number;
  while (from < allIds) {
    const last = next.get(from, stepRows - 1) as number | undefined;
    // To the end of a chunk, which is in one file or in the other.
    const to = last === undefined ? allIds : (Math.floor(last / CHUNK_ROWS) + 1) * CHUNK_ROWS - 1;
    const step = (after: number): void => {
      rows += requests.run(after, to).changes;
      raw.run(after, to);
      chunks.run(after, to);
      done.run(to);
    };
    db.transaction(step).immediate(from);
    from = to;
  }
  return rows;
}

/** What is no row, all at once: from here on the other files are of no use. */
function conclude(db: SqliteDatabase, there: readonly number[], missing: readonly number[]): void {
  // Somebody else has done it meanwhile.
  if (openShards(db).length !== there.length + missing.length) return;
  for (const shard of there) {
    for (const table of ["late", "conflicts"]) {
      db.exec(`INSERT OR IGNORE INTO main.${table} SELECT * FROM ${shardSchema(shard)}.${table}`);
    }
  }
  const phases = db.prepare("SELECT phase FROM main.phases ORDER BY phase").pluck().all() as number[];
  for (const phase of phases) {
    const parts = ["main", ...there.map(shardSchema)].map((schema) => closingIn(db, schema, phase));
    const whole = missing.length > 0 ? undefined : wholeClosing(parts);
    if (whole === undefined) reopen(db, phase);
    else close(db, whole, there);
  }
  for (const shard of there) db.prepare("UPDATE main.shards SET merged_to = ?, is_merged = 1 WHERE shard = ?").run(allIds, shard);
  db.exec(RUN_COUNTS_SQL);
}

function closingIn(db: SqliteDatabase, schema: string, phase: number): ClosedPhase | undefined {
  const sql = `SELECT closing FROM ${schema}.phases WHERE phase = ? AND closed = 1`;
  const text = db.prepare(sql).pluck().get(phase) as string | undefined;
  return text === undefined ? undefined : closedPhaseFrom(text);
}

/** Whoever closes it then does so by all rows. */
function reopen(db: SqliteDatabase, phase: number): void {
  db.prepare("UPDATE main.phases SET closed = 0, closing = NULL, is_account_complete = NULL WHERE phase = ?").run(phase);
}

function close(db: SqliteDatabase, whole: ClosedPhase, there: readonly number[]): void {
  const { phase, drawn, unused, dropped, missingRecord, missingLost } = whole;
  const outcomes = ["succeeded", "errored", "cancelled"].map((name) => {
    const parts = there.map(
      (shard) => `(SELECT ${name} FROM ${shardSchema(shard)}.phases AS other WHERE other.phase = phases.phase)`,
    );
    return `${name} = ${[name, ...parts].join(" + ")}`;
  });
  db.prepare(
    `UPDATE main.phases SET drawn = ?, unused = ?, dropped = ?, missing_record = ?, missing_lost = ?, ${outcomes.join(", ")}, closing = ?
      WHERE phase = ?`,
  ).run(drawn, unused, dropped, missingRecord.count, missingLost.count, closedPhaseJson(whole), phase);
}
