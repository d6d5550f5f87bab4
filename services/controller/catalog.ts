/** `catalog.db`: the runs that this installation knows, newest first, so that a list of them opens no run file. */
import { mkdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { AssayError, messageOf } from "../common/errors.ts";
import { readClockIdentity } from "../common/member/suite-clock.ts";
import { closeSqlite, openSqlite, type SqliteDatabase, type SqliteFormat, sqliteError } from "../common/sqlite.ts";

export interface CatalogEntry {
  readonly runId: string;
  /** Where its `run.db` and exported files are. */
  readonly folder: string;
  /** A run's state, as `RunService` names it. */
  readonly state: string;
  readonly createdWallNs: number;
  readonly startedWallNs?: number | undefined;
  readonly endedWallNs?: number | undefined;
  /** One line for lists: model, load, main figures. */
  readonly summaryLine: string;
  /** With which the names of its exported files begin; absent: they have their usual names. */
  readonly exportPrefix?: string;
  /** Process whose run it is; undefined: not known. */
  readonly owner?: CatalogOwner | undefined;
}

/** A process, as long as its host is up. */
export interface CatalogOwner {
  /** New at every start of the host. */
  readonly bootId: string;
  readonly pid: number;
}

/** This process. */
export function ownerHere(): CatalogOwner {
  return { bootId: readClockIdentity().bootId, pid: process.pid };
}

/** Whether another such process is on this host. One that is not known is gone, and so is one that had the id of this process. */
export function isAlive(owner: CatalogOwner | undefined): boolean {
  const here = ownerHere();
  if (owner === undefined || owner.bootId !== here.bootId || owner.pid === here.pid) return false;
  try {
    return process.kill(owner.pid, 0) && !isZombie(owner.pid);
  } catch (error) {
    // Somebody else's process is one, too.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

/** A process that has ended and that nobody has asked about, which takes signals all the same. Only Linux says so. */
function isZombie(pid: number): boolean {
  try {
    // Its state stands behind its name, which is in parentheses and may hold any of them.
    return /\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return false;
  }
}

export interface ListOptions {
  /** 1 to 1000. Default: 100. */
  readonly limit?: number;
  /** Only runs created before this one; the last of the page before. */
  readonly before?: string;
  /** Only runs in one of these states. Default: all. */
  readonly states?: readonly string[];
}

const FORMAT: SqliteFormat = {
  what: "catalog",
  applicationId: 0x41736331, // "Asc1"
  migrations: [
    `CREATE TABLE runs (
      run_id TEXT PRIMARY KEY,
      folder TEXT NOT NULL,
      state TEXT NOT NULL,
      created_wall_ns INTEGER NOT NULL,
      started_wall_ns INTEGER,
      ended_wall_ns INTEGER,
      summary_line TEXT NOT NULL
    ) STRICT;
    CREATE INDEX runs_by_creation ON runs (created_wall_ns DESC, run_id DESC);`,
    `ALTER TABLE runs ADD COLUMN owner_boot_id TEXT;
    ALTER TABLE runs ADD COLUMN owner_pid INTEGER;`,
    "ALTER TABLE runs ADD COLUMN export_prefix TEXT NOT NULL DEFAULT ''",
  ],
};

const MAX_LIMIT = 1000;
const DEFAULT_LIMIT = 100;

type Row = Readonly<Record<string, string | number | null>>;

/** One process has it open for writing; another's read waits for its lock, never for long. */
export class RunCatalog {
  readonly path: string;
  readonly #db: SqliteDatabase;

  private constructor(path: string, db: SqliteDatabase) {
    this.path = path;
    this.#db = db;
  }

  /** Opens the catalog, and makes it and its folder where it is missing. Throws as `openSqlite`. */
  static open(path: string): RunCatalog {
    try {
      mkdirSync(dirname(path), { recursive: true });
    } catch (error) {
      throw new AssayError("permission_denied", `cannot make folder "${dirname(path)}" for the catalog: ${messageOf(error)}`, {
        cause: error,
      });
    }
    return new RunCatalog(path, openSqlite(path, FORMAT, { mode: "create_or_write" }));
  }

  /** Adds a run, or replaces what is known of it. */
  put(entry: CatalogEntry): void {
    // By name: a later version may have added columns to a catalog that this one has open.
    const columns = [
      ...["run_id", "folder", "state", "created_wall_ns", "started_wall_ns", "ended_wall_ns", "summary_line"],
      ...["owner_boot_id", "owner_pid", "export_prefix"],
    ];
    const sql = `INSERT OR REPLACE INTO runs (${columns.join(", ")}) VALUES (${columns.map(() => "?").join(", ")})`;
    this.#try("write to", () => {
      this.#db
        .prepare<unknown[]>(sql)
        .run(
          entry.runId,
          entry.folder,
          entry.state,
          Math.round(entry.createdWallNs),
          entry.startedWallNs === undefined ? null : Math.round(entry.startedWallNs),
          entry.endedWallNs === undefined ? null : Math.round(entry.endedWallNs),
          entry.summaryLine,
          entry.owner?.bootId ?? null,
          entry.owner?.pid ?? null,
          entry.exportPrefix ?? "",
        );
    });
  }

  /** How many runs it has. */
  count(): number {
    return this.#try("read", () => Number(this.#db.prepare<unknown[]>("SELECT count(*) FROM runs").pluck().get()));
  }

  /** Undefined: no such run. */
  get(runId: string): CatalogEntry | undefined {
    return this.#try("read", () => {
      const row = this.#db.prepare<unknown[]>("SELECT * FROM runs WHERE run_id = ?").get(runId);
      return row === undefined ? undefined : entryOf(row as Row);
    });
  }

  /** Newest first. Throws `not_found` where `before` is no run of the catalog, `invalid_argument` for a limit out of bounds. */
  list(options: ListOptions = {}): CatalogEntry[] {
    const limit = options.limit ?? DEFAULT_LIMIT;
    if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT) {
      throw new AssayError("invalid_argument", `limit must be from 1 to ${MAX_LIMIT}, got ${limit}`);
    }
    const conditions: string[] = [];
    const bound: unknown[] = [];
    if (options.before !== undefined) {
      const before = this.get(options.before);
      if (before === undefined) throw new AssayError("not_found", `no run "${options.before}" in the catalog`);
      conditions.push("(created_wall_ns, run_id) < (?, ?)");
      bound.push(before.createdWallNs, before.runId);
    }
    if (options.states !== undefined) {
      conditions.push(`state IN (${options.states.map(() => "?").join(", ")})`);
      bound.push(...options.states);
    }
    const where = conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`;
    const sql = `SELECT * FROM runs ${where} ORDER BY created_wall_ns DESC, run_id DESC LIMIT ?`;
    return this.#try("read", () => (this.#db.prepare<unknown[]>(sql).all(...bound, limit) as Row[]).map(entryOf));
  }

  /** Forgets a run; its folder stays. False: there was none. */
  delete(runId: string): boolean {
    return this.#try("write to", () => this.#db.prepare<unknown[]>("DELETE FROM runs WHERE run_id = ?").run(runId).changes === 1);
  }

  close(): void {
    closeSqlite(this.#db);
  }

  #try<Result>(attempt: string, work: () => Result): Result {
    try {
      return work();
    } catch (error) {
      throw sqliteError(error, `cannot ${attempt} catalog "${this.path}"`);
    }
  }
}

function entryOf(row: Row): CatalogEntry {
  return {
    runId: String(row.run_id),
    folder: String(row.folder),
    state: String(row.state),
    createdWallNs: Number(row.created_wall_ns),
    startedWallNs: typeof row.started_wall_ns === "number" ? row.started_wall_ns : undefined,
    endedWallNs: typeof row.ended_wall_ns === "number" ? row.ended_wall_ns : undefined,
    summaryLine: String(row.summary_line),
    ...(row.export_prefix === "" ? {} : { exportPrefix: String(row.export_prefix) }),
    ...(typeof row.owner_boot_id === "string" && typeof row.owner_pid === "number"
      ? { owner: { bootId: row.owner_boot_id, pid: row.owner_pid } }
      : {}),
  };
}
