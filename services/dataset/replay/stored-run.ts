/** What the file of a run says of its requests. Everything here may block. */
import { basename, dirname, join } from "node:path";
import { AssayError } from "../../common/errors.ts";
import { RUN_APPLICATION_ID, RUN_FILE, RUN_FILE_VERSIONS } from "../../common/run-file.ts";
import { closeSqlite, openSqlite, type SqliteDatabase, sqliteError } from "../../common/sqlite.ts";
import { type StoredRequest, type StoredSessions, storedSessions } from "../core/replay.ts";

export interface StoredRun {
  readonly runId: string;
  /** Effective, proto JSON. */
  readonly spec: string;
  readonly sessions: StoredSessions;
  /** Distinct conversations that the run drew, warm-up included, ascending: the sessions of its `inputs.json`. */
  readonly conversations: Uint32Array;
  /** What of the run cannot be replayed, for people, one line each. */
  readonly notes: readonly string[];
}

/** The folder of a run, by its path or that of its file. */
export function folderOfRun(path: string): string {
  return basename(path) === RUN_FILE ? dirname(path) : path;
}

/** Throws what is wrong with the file, and `invalid_argument` for a run that cannot be replayed. */
export function readStoredRun(folder: string): StoredRun {
  const path = join(folder, RUN_FILE);
  // Only what every version of the file has is read.
  const migrations = Array.from({ length: RUN_FILE_VERSIONS }, () => "");
  const db = openSqlite(path, { what: "run file", applicationId: RUN_APPLICATION_ID, migrations }, { mode: "read" });
  try {
    return readRun(db, path);
  } catch (error) {
    throw sqliteError(error, `cannot read ${path}`);
  } finally {
    closeSqlite(db);
  }
}

function readRun(db: SqliteDatabase, path: string): StoredRun {
  const refuse = (description: string): AssayError => new AssayError("invalid_argument", `${path}: ${description}`);
  const { run_id: runId, spec } = oneRow(db, "SELECT run_id, spec FROM run");
  if (hasTrees(db)) throw refuse("its sessions began others, and such runs cannot be replayed");
  const { started, dropped } = oneRow(
    db,
    "SELECT MIN(started_ns) AS started, SUM(dropped) AS dropped FROM phases WHERE kind = 'profiling'",
  );
  const { leftOut, ...sessions } = storedSessions(requestsOf(db, Number(started ?? 0)));
  if (sessions.conversationOf.length === 0) throw refuse("it measured no request");
  const drawn = db.prepare<unknown[]>("SELECT DISTINCT conversation FROM requests ORDER BY conversation").pluck().all();
  const notes = [
    ...(Number(dropped) > 0 ? [`${dropped} arrivals were dropped and sent nothing: they are not replayed`] : []),
    ...(leftOut > 0 ? [`${leftOut} later turns are not replayed: the turns before them are not in the run's file`] : []),
  ];
  return { runId: String(runId), spec: String(spec), sessions, conversations: Uint32Array.from(drawn, Number), notes };
}

function hasTrees(db: SqliteDatabase): boolean {
  const isKnown = db.prepare<unknown[]>("SELECT 1 FROM pragma_table_info('requests') WHERE name = 'parent_session'").get();
  if (isKnown === undefined) return false;
  return db.prepare<unknown[]>("SELECT 1 FROM requests WHERE parent_session IS NOT NULL LIMIT 1").get() !== undefined;
}

function* requestsOf(db: SqliteDatabase, startedNs: number): Generator<StoredRequest> {
  const sql = `SELECT phase, session_id, turn, conversation, COALESCE(due_ns, sent_ns) AS at_ns FROM requests
    WHERE phase IN (SELECT phase FROM phases WHERE kind = 'profiling') ORDER BY phase, session_id, turn, credit_id`;
  for (const row of db.prepare<unknown[]>(sql).iterate()) {
    const { phase, session_id: session, turn, conversation, at_ns: atNs } = row as Record<string, unknown>;
    yield {
      phase: Number(phase),
      session: Number(session),
      turn: Number(turn),
      conversation: Number(conversation),
      atMs: (Number(atNs) - startedNs) / 1e6,
    };
  }
}

/** Every run's file has it. */
function oneRow(db: SqliteDatabase, sql: string): Readonly<Record<string, unknown>> {
  return (db.prepare<unknown[]>(sql).get() ?? {}) as Record<string, unknown>;
}
