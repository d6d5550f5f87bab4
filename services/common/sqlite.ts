/**
 * SQLite as this project uses it: WAL, synchronous NORMAL, an application id that tells a foreign file apart, numbered
 * migrations in `user_version`, and errors that name the file. Survives the death of any process, not a power cut.
 */
import { existsSync } from "node:fs";
import Database from "better-sqlite3";
import { AssayError, type ErrorCode, messageOf } from "./errors.ts";

export type SqliteDatabase = Database.Database;
export type SqliteStatement = Database.Statement<unknown[]>;

/** What one kind of file looks like. Migration i takes a file from version i to i + 1; published ones never change. */
export interface SqliteFormat {
  /** What it is, for messages: `run file`. */
  readonly what: string;
  readonly applicationId: number;
  readonly migrations: readonly string[];
}

export interface OpenSqliteOptions {
  /**
   * `create`: the file must not exist. `write`: it must. `create_or_write`: made where it is missing, or where its making was
   * cut short. `read`: it must exist, and nothing of it is changed, unless it is of an older version: then it is brought to the newest first.
   */
  readonly mode: "create" | "write" | "create_or_write" | "read";
  /** Size in bytes that the file may not pass; reaching it is the error of a full disk. Default: no limit. */
  readonly maxBytes?: number;
}

/** How long a connection waits for another one's lock before it gives up. */
const BUSY_TIMEOUT_MS = 5_000;
const LOCK_PAUSE_MS = 10;
/** Pages of WAL between checkpoints: fewer checkpoints, each of which holds an insert up. */
const CHECKPOINT_PAGES = 4_000;

/**
 * Opens or creates a file of `format` and brings it to the newest version. The caller closes it.
 * Throws AssayError: `already_exists`, `not_found`, `failed_precondition` (foreign file, newer version),
 * `permission_denied`, `data_loss` (no database, or corrupt), each naming the path.
 */
export function openSqlite(path: string, format: SqliteFormat, options: OpenSqliteOptions): SqliteDatabase {
  const exists = existsSync(path);
  if (options.mode === "create" && exists) throw new AssayError("already_exists", `${format.what} "${path}" exists already`);
  if ((options.mode === "write" || options.mode === "read") && !exists)
    throw new AssayError("not_found", `${format.what} "${path}" does not exist`);
  let db: SqliteDatabase | undefined;
  try {
    db = new Database(path, { readonly: options.mode === "read", timeout: BUSY_TIMEOUT_MS });
    // Looked at before anything is changed: a file of somebody else stays as it is.
    const isNew = options.mode === "create" || (options.mode === "create_or_write" && isEmpty(db));
    const version = isNew ? 0 : versionOf(db, path, format);
    if (options.mode === "read") {
      if (version === format.migrations.length) return db;
      db.close();
      return openMended(path, format, options);
    }
    prepareForWriting(db, options);
    migrate(db, format, version);
    return db;
  } catch (error) {
    db?.close();
    if (isCutShort(error)) return openMended(path, format, options);
    throw sqliteError(error, `cannot open ${format.what} "${path}"`);
  }
}

/** Whoever wrote the file died while its journal was changed: what it had begun is rolled back by who may write, and only then can it be read. */
function isCutShort(error: unknown): boolean {
  return error instanceof Database.SqliteError && error.code === "SQLITE_READONLY_ROLLBACK";
}

function openMended(path: string, format: SqliteFormat, options: OpenSqliteOptions): SqliteDatabase {
  closeSqlite(openSqlite(path, format, { mode: "write" }));
  return openSqlite(path, format, options);
}

/** A whole and portable file without side files: all of the WAL moved into it, journal back to the default. Closes the connection. */
export function closeSqlite(db: SqliteDatabase): void {
  if (!db.open) return;
  if (!db.readonly) {
    db.pragma("wal_checkpoint(TRUNCATE)");
    try {
      db.pragma("journal_mode = DELETE");
    } catch {
      // Somebody reads the file right now. It stays in WAL mode: whole, but with side files while it is open.
    }
  }
  db.close();
}

/** What SQLite threw, as an AssayError whose message begins with `attempt`; an AssayError passes unchanged. */
export function sqliteError(error: unknown, attempt: string): AssayError {
  if (error instanceof AssayError) return error;
  const sqliteCode = error instanceof Database.SqliteError ? error.code : "";
  return new AssayError(codeOf(sqliteCode), `${attempt}: ${messageOf(error)}`, {
    cause: error,
    ...(sqliteCode === "" ? {} : { metadata: { sqlite_code: sqliteCode } }),
  });
}

function codeOf(sqliteCode: string): ErrorCode {
  // Extended codes append to the primary one: SQLITE_IOERR_WRITE, SQLITE_READONLY_DIRECTORY.
  const primary = sqliteCode.split("_").slice(0, 2).join("_");
  switch (primary) {
    case "SQLITE_FULL":
      return "resource_exhausted";
    case "SQLITE_CANTOPEN":
    case "SQLITE_READONLY":
    case "SQLITE_PERM":
    case "SQLITE_AUTH":
      return "permission_denied";
    case "SQLITE_CORRUPT":
    case "SQLITE_NOTADB":
    case "SQLITE_IOERR":
      return "data_loss";
    case "SQLITE_BUSY":
    case "SQLITE_LOCKED":
      return "unavailable";
    default:
      return "internal";
  }
}

function prepareForWriting(db: SqliteDatabase, options: OpenSqliteOptions): void {
  enterWal(db);
  db.pragma("synchronous = NORMAL");
  db.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
  db.pragma("foreign_keys = ON");
  if (options.maxBytes !== undefined) {
    const pageBytes = Number(db.pragma("page_size", { simple: true }));
    db.pragma(`max_page_count = ${Math.max(1, Math.floor(options.maxBytes / pageBytes))}`);
  }
}

/** A database without a table and without an owner: what a process leaves that dies while it makes one. */
function isEmpty(db: SqliteDatabase): boolean {
  const tables = db.prepare("SELECT count(*) FROM sqlite_schema").pluck().get();
  return tables === 0 && db.pragma("application_id", { simple: true }) === 0;
}

/** Throws where the file is not of `format`, or newer than this program. */
function versionOf(db: SqliteDatabase, path: string, format: SqliteFormat): number {
  if (isEmpty(db))
    throw new AssayError("failed_precondition", `${format.what} "${path}" is empty: nothing was ever committed to it`);
  const applicationId = Number(db.pragma("application_id", { simple: true }));
  if (applicationId !== format.applicationId) {
    throw new AssayError("failed_precondition", `"${path}" is not an Assay ${format.what} (application id ${applicationId})`);
  }
  const version = Number(db.pragma("user_version", { simple: true }));
  const newest = format.migrations.length;
  if (version > newest) {
    const versions = `schema version ${version}, this one knows up to ${newest}`;
    throw new AssayError("failed_precondition", `${format.what} "${path}" was written by a newer Assay (${versions})`);
  }
  return version;
}

/** SQLite does not wait for a lock where the journal is changed: that of others who open or close the file is short. */
function enterWal(db: SqliteDatabase): void {
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (let leftMs = BUSY_TIMEOUT_MS; ; leftMs -= LOCK_PAUSE_MS) {
    try {
      db.pragma("journal_mode = WAL");
      return;
    } catch (error) {
      const isLocked = error instanceof Error && "code" in error && String(error.code).startsWith("SQLITE_BUSY");
      if (!isLocked || leftMs <= 0) throw error;
      Atomics.wait(pause, 0, 0, LOCK_PAUSE_MS);
    }
  }
}

function migrate(db: SqliteDatabase, format: SqliteFormat, seen: number): void {
  if (seen === format.migrations.length) return;
  db.transaction(() => {
    // Another process may have migrated the file while this one waited for its lock.
    const version = Number(db.pragma("user_version", { simple: true }));
    db.pragma(`application_id = ${format.applicationId}`);
    for (const [index, sql] of format.migrations.entries()) {
      if (index < version) continue;
      db.exec(sql);
      db.pragma(`user_version = ${index + 1}`);
    }
  }).immediate();
}
