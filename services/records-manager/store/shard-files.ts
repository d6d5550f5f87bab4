/** Files of a run's further shards beside that of the run: read as one, while they are there. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { shardFolderName } from "../../common/record-shard.ts";
import { RUN_FILE } from "../../common/run-file.ts";
import { openSqlite, type SqliteDatabase } from "../../common/sqlite.ts";
import { CHUNK_ROWS } from "./column-chunks.ts";
import { columnsOf, runFormat } from "./schema.ts";

/** A file that is attached, by the number of its shard. */
export function shardSchema(shard: number): string {
  return `shard_${shard}`;
}

/** Path of the file of a shard above 0 of the run in `folder`. */
export function shardFilePath(folder: string, shard: number): string {
  return join(folder, shardFolderName(shard), RUN_FILE);
}

/** Shards whose rows are not all in the run's file. None in a file of before there were shards. */
export function openShards(db: SqliteDatabase): number[] {
  const hasTable = db.prepare("SELECT 1 FROM main.sqlite_schema WHERE name = 'shards'").get() !== undefined;
  if (!hasTable) return [];
  return db.prepare("SELECT shard FROM main.shards WHERE is_merged = 0 ORDER BY shard").pluck().all() as number[];
}

/** How many records-managers wrote the run in `folder`. */
export function shardsOf(folder: string): number {
  const db = openSqlite(join(folder, RUN_FILE), runFormat([]), { mode: "read" });
  try {
    return 1 + Math.max(0, ...openShards(db));
  } finally {
    db.close();
  }
}

/** Attaches the file of a shard; false: there is none, or nothing was ever committed to it. */
export function attachShard(db: SqliteDatabase, folder: string, shard: number): boolean {
  const path = shardFilePath(folder, shard);
  if (!existsSync(path)) return false;
  const schema = shardSchema(shard);
  db.prepare(`ATTACH ? AS ${schema}`).run(path);
  const isRun = db.prepare(`SELECT 1 FROM ${schema}.sqlite_schema WHERE name = 'requests'`).get() !== undefined;
  if (!isRun) db.exec(`DETACH ${schema}`);
  return isRun;
}

/** The columns of a table of the run's file as SQL for a file that may lack some. */
export function commonColumns(db: SqliteDatabase, table: "requests" | "raw", schema: string): string {
  const own = new Set(columnsOf(db, table, schema));
  return columnsOf(db, table, "main")
    .map((name) => (own.has(name) ? `"${name}"` : `NULL AS "${name}"`))
    .join(", ");
}

const closingCounts = [
  "drawn",
  "unused",
  "dropped",
  "succeeded",
  "errored",
  "cancelled",
  "missing_record",
  "missing_lost",
  "unaccounted",
];

/**
 * Has every statement of this connection see the rows of all shards. Views of the connection stand in front of the tables of the file; that the rows
 * move from one file to the other meanwhile is in what they ask.
 */
export function attachShards(db: SqliteDatabase, folder: string): void {
  const shards = openShards(db).filter((shard) => attachShard(db, folder, shard));
  if (shards.length === 0) return;
  const left = (shard: number): string => `(SELECT is_merged FROM main.shards WHERE shard = ${shard}) = 0`;
  const behind = (shard: number): string => `(SELECT merged_to FROM main.shards WHERE shard = ${shard})`;
  const all = (table: string, columns: (schema: string) => string, where: (shard: number) => string): string => {
    const others = shards.map((shard) => {
      const schema = shardSchema(shard);
      return `UNION ALL SELECT ${columns(schema)} FROM ${schema}.${table} WHERE ${where(shard)}`;
    });
    return `CREATE TEMP VIEW ${table} AS SELECT ${columns("main")} FROM main.${table} ${others.join(" ")};`;
  };
  const byCredit = (shard: number): string => `credit_id > ${behind(shard)}`;
  const everything = (): string => "*";
  const summed = closingCounts.map((name) => {
    const others = shards.map((shard) => {
      return `coalesce((SELECT ${name} FROM ${shardSchema(shard)}.phases AS other WHERE other.phase = own.phase AND ${left(shard)}), 0)`;
    });
    return `own.${name} + ${others.join(" + ")} AS ${name}`;
  });
  const kept = "phase, name, kind, has_ceiling, started_ns, ended_ns, heartbeat, closing, is_account_complete, closed";
  db.exec(
    all("requests", (schema) => commonColumns(db, "requests", schema), byCredit) +
      all("raw", (schema) => commonColumns(db, "raw", schema), byCredit) +
      all("chunks", everything, (shard) => `chunk * ${CHUNK_ROWS} > ${behind(shard)}`) +
      all("late", everything, left) +
      all("conflicts", everything, left) +
      `CREATE TEMP VIEW phases AS SELECT ${kept}, ${summed.join(", ")} FROM main.phases AS own;`,
  );
}
