/**
 * `assay run` as a person starts it: real processes in a folder of their own, looked at and disturbed only from outside, by
 * `/proc`, signals, the built-in server's counts and the run's file.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import Database from "better-sqlite3";
import { config, expect } from "chai";
import type { MockOptions } from "../../mock/options.ts";
import { createMock, type Mock, type MockStats } from "../../mock/server.ts";
import { type LoggedTarget, logged } from "./logged-target.ts";

// What a command wrote is all that tells why it failed.
config.truncateThreshold = 0;

const program = join(import.meta.dirname, "../../services/main.ts");
/** In the environment of every process of a run, so that those are found whose parent is gone. */
const mark = "SUITE_TEST_RUN";
const pollMs = 25;
/** However a run ends, and whatever else this machine has to do. */
export const endsWithinMs = 120_000;
/** What a process may take to be gone after the command has ended. */
const goneWithinMs = 60_000;
/** What the last words of a command that has ended may take to come, where others hold its pipes. */
const heardWithinMs = 10_000;

/** A process of a run by what it does; `cli` is the command itself. */
export type Role = "cli" | "suite" | "timing" | "records" | "processor" | "worker";

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A row of `phases`. */
export interface PhaseAccount {
  readonly name: string;
  readonly closed: number;
  readonly is_account_complete: number | null;
  readonly drawn: number;
  readonly unused: number;
  readonly dropped: number;
  readonly succeeded: number;
  readonly errored: number;
  readonly cancelled: number;
  readonly missing_record: number;
  readonly missing_lost: number;
  readonly unaccounted: number;
}

/** What a run's file says. */
export interface RunFile {
  readonly state: string;
  readonly reason: string | null;
  readonly verdict: string | null;
  readonly reasons: readonly string[];
  readonly rows: number;
  readonly late: number;
  readonly conflicts: number;
  /** By error code; requests without an error are under `""`. */
  readonly errors: Readonly<Record<string, number>>;
  /** Rows of requests that the target has answered with a status. */
  readonly answered: number;
  readonly phases: readonly PhaseAccount[];
  readonly events: readonly { readonly kind: string; readonly message: string }[];
}

/** One `assay …` command. */
export class Command {
  readonly folder: string;
  readonly #child: ChildProcess;
  readonly #mark = randomUUID();
  readonly #exit: Promise<Exit>;
  #stdout = "";
  #stderr = "";
  #hasExited = false;

  constructor(args: readonly string[], folder: string, env: Readonly<Record<string, string>> = {}) {
    this.folder = folder;
    // A group of its own, as a terminal gives to each command.
    const child = spawn(process.execPath, [program, ...args], {
      cwd: folder,
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
      env: {
        ...process.env,
        [mark]: this.#mark,
        XDG_DATA_HOME: join(folder, "data"),
        XDG_CACHE_HOME: join(folder, "cache"),
        XDG_RUNTIME_DIR: folder,
        NO_COLOR: "1",
        ...env,
      },
    });
    this.#child = child;
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      this.#stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr += text;
    });
    const streamsEnded = Promise.all([once(child.stdout, "close"), once(child.stderr, "close")]);
    this.#exit = once(child, "exit").then(async ([code, signal]) => {
      this.#hasExited = true;
      // Processes that outlive the command hold its pipes; the test ends all the same.
      await Promise.race([streamsEnded, delay(heardWithinMs, undefined, { ref: false })]);
      return { code, signal, stdout: this.#stdout, stderr: this.#stderr };
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  get hasExited(): boolean {
    return this.#hasExited;
  }

  /** How the command ended. Rejects when it does not end in time. */
  async exit(withinMs = endsWithinMs): Promise<Exit> {
    await until(
      "the command to end",
      () => this.#hasExited,
      withinMs,
      () => this.#story(),
    );
    return this.#exit;
  }

  /** Waits for a condition of this run; fails with what the command wrote when it does not come, or when the command ends before. */
  async until(what: string, condition: () => boolean, withinMs = endsWithinMs): Promise<void> {
    await until(
      what,
      () => this.#hasExited || condition(),
      withinMs,
      () => this.#story(),
    );
    if (!condition()) expect.fail(`the command ended before ${what}: ${this.#story()}`);
  }

  /** Processes of this run that live, by role. */
  pids(role: Role): number[] {
    return this.processes()
      .filter((found) => found.role === role)
      .map(({ pid }) => pid);
  }

  /** The one process of a role. */
  pidOf(role: Role): number {
    const [pid, ...others] = this.pids(role);
    if (pid === undefined || others.length > 0)
      expect.fail(`${pid === undefined ? "no" : "more than one"} process of ${role} lives`);
    return pid;
  }

  /** Every process that this command has started, itself included, and that lives. */
  processes(): { readonly pid: number; readonly role: Role; readonly words: string }[] {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name) && hasMark(name, `${mark}=${this.#mark}`))
      .map((name) => ({ pid: Number(name), words: textOf(`/proc/${name}/cmdline`).split("\0").join(" ") }))
      .filter(({ words }) => words !== "")
      .map(({ pid, words }) => ({ pid, words, role: pid === this.pid ? "cli" : roleOf(words) }));
  }

  /** Waits until none of its processes lives. */
  async gone(): Promise<void> {
    await until(
      "its processes to end",
      () => this.processes().length === 0,
      goneWithinMs,
      () => this.#story(),
    );
  }

  signal(signal: NodeJS.Signals, ...pids: readonly number[]): void {
    for (const pid of pids) {
      try {
        process.kill(pid, signal);
      } catch {
        // It has ended in the meantime.
      }
    }
  }

  /** To every process of the command's group, as a terminal does. */
  signalGroup(signal: NodeJS.Signals): void {
    process.kill(-this.pid, signal);
  }

  #story(): string {
    const alive = this.processes().map(({ pid, role }) => `${role} ${pid}`);
    return `\nalive: ${alive.join(", ") || "nobody"}\nstderr:\n${this.#stderr}\nstdout:\n${this.#stdout.slice(0, 2000)}`;
  }
}

/** Where a test plays: a folder, servers and commands, all gone when it is over. */
export interface Stage {
  readonly folder: string;
  mock(options?: Partial<MockOptions>): Promise<Mock>;
  /** The same, with a log of what it receives. */
  target(options?: Partial<MockOptions>): Promise<LoggedTarget>;
  /** `assay` with these arguments, and these variables beside its own environment. */
  start(args: readonly string[], folder?: string, env?: Readonly<Record<string, string>>): Command;
  /** `assay run` against a server: two workers, 8 requests at once, streamed, files in `out`. Later arguments win. */
  run(mock: { readonly url: string }, ...args: readonly string[]): Command;
}

/** A stage for each test of a file. Afterwards no process of any command may be left. */
export function useStage(): Stage {
  let current: OpenStage;
  beforeEach(async () => {
    current = await openStage();
  });
  afterEach(async function () {
    this.timeout(2 * goneWithinMs);
    await current.close();
  });
  return {
    get folder() {
      return current.folder;
    },
    mock: (options) => current.mock(options),
    target: (options) => current.target(options),
    start: (args, folder, env) => current.start(args, folder, env),
    run: (mock, ...args) => current.run(mock, ...args),
  };
}

const atOnce = 3;

/**
 * Tests that mostly wait, as `it` declares them, each on a stage of its own: all of them are begun when the first one is, so many
 * at once, and each test is the outcome of its own.
 */
export function useStages(): (title: string, play: (stage: Stage) => Promise<void>) => void {
  const plays: { readonly play: (stage: Stage) => Promise<void>; readonly outcome: PromiseWithResolvers<void> }[] = [];
  before(() => {
    const waiting = plays.values();
    const playOn = async (): Promise<void> => {
      for (const { play, outcome } of waiting) await playOne(play).then(outcome.resolve, outcome.reject);
    };
    for (let index = 0; index < atOnce; index++) void playOn();
  });
  return (title, play) => {
    const outcome = Promise.withResolvers<void>();
    // Its test may be waited for later than it fails.
    outcome.promise.catch(() => {});
    plays.push({ play, outcome });
    it(title, () => outcome.promise);
  };
}

async function playOne(play: (stage: Stage) => Promise<void>): Promise<void> {
  const stage = await openStage();
  try {
    await play(stage);
  } catch (error) {
    // What the test found is what is told.
    await stage.close().catch(() => {});
    throw error;
  }
  await stage.close();
}

interface OpenStage extends Stage {
  /** Ends everything. Fails where a command that has ended left a process behind. */
  close(): Promise<void>;
}

async function openStage(): Promise<OpenStage> {
  const folder = await mkdtemp(join(tmpdir(), "assay-suite-"));
  const mocks: Mock[] = [];
  const targets: LoggedTarget[] = [];
  const commands: Command[] = [];
  const start = (args: readonly string[], cwd = folder, env: Readonly<Record<string, string>> = {}): Command => {
    const command = new Command(args, cwd, env);
    commands.push(command);
    return command;
  };
  const openMock = async (options: Partial<MockOptions> = {}): Promise<Mock> => {
    const mock = await createMock({ ttftMs: 20, itlMs: 5, ...options });
    mocks.push(mock);
    return mock;
  };
  return {
    folder,
    start,
    mock: openMock,
    async target(options) {
      const target = await logged(await openMock(options));
      targets.push(target);
      return target;
    },
    run: ({ url }, ...args) => start(["run", "-m", "mock", "-u", url, ...standard, ...args]),
    async close() {
      const ended = commands.filter(({ hasExited }) => hasExited);
      const left = (await Promise.all(ended.map(leftOver))).flat();
      // A failed test leaves commands that still run.
      for (const command of commands) command.signal("SIGKILL", ...command.processes().map(({ pid }) => pid));
      for (const target of targets) target.close();
      await Promise.all(mocks.map((mock) => mock.stop()));
      await rm(folder, { recursive: true, force: true });
      expect(left, "processes that the command left behind").to.deep.equal([]);
    },
  };
}

const standard = [
  ...["--streaming", "--concurrency", "8", "--workers-max", "2", "--isl", "64", "--osl", "32"],
  ...["--no-gpu-telemetry", "--random-seed", "7", "--artifact-dir", "out", "--log-file", "suite.log"],
];

async function leftOver(command: Command): Promise<string[]> {
  const deadlineMs = performance.now() + goneWithinMs;
  while (command.processes().length > 0 && performance.now() < deadlineMs) await delay(pollMs);
  return command.processes().map(({ words }) => words);
}

async function until(what: string, condition: () => boolean, withinMs: number, story: () => string): Promise<void> {
  const deadlineMs = performance.now() + withinMs;
  while (!condition()) {
    if (performance.now() > deadlineMs) expect.fail(`waited ${withinMs / 1000} s in vain for ${what}${story()}`);
    await delay(pollMs);
  }
}

function roleOf(words: string): Role {
  const services = /--services=(\S+)/.exec(words)?.[1] ?? "";
  if (services.startsWith("controller")) return "suite";
  if (services.startsWith("records-manager")) return "records";
  if (services === "record-processor") return "processor";
  return services === "timing" ? "timing" : "worker";
}

function hasMark(pid: string, text: string): boolean {
  return textOf(`/proc/${pid}/environ`).split("\0").includes(text);
}

/** Empty for a file of a process that is gone. */
function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** Committed rows of a run's file, while it is written too; 0 before there is one. */
export function rowsIn(folder: string): number {
  return read(folder, (db) => db.prepare("SELECT count(*) FROM requests").pluck().get() as number) ?? 0;
}

/** Kinds of what a run's file notes, in order, while it is written too. */
export function eventsIn(folder: string): string[] {
  return read(folder, (db) => db.prepare("SELECT kind FROM events ORDER BY ns").pluck().all() as string[]) ?? [];
}

/** What the file of an ended run says. Fails where it is not whole. */
export function runFile(folder: string): RunFile {
  const file = read(folder, (db) => {
    expect(db.pragma("integrity_check", { simple: true })).to.equal("ok");
    const all = <Row>(sql: string): Row[] => db.prepare(sql).all() as Row[];
    const [run] = all<{ state: string; reason: string | null; verdict: string | null; verdict_reasons: string | null }>(
      "SELECT state, reason, verdict, verdict_reasons FROM run",
    );
    const count = (sql: string): number => db.prepare(sql).pluck().get() as number;
    const codes = all<{ code: string; n: number }>(
      "SELECT coalesce(error_code, iif(is_cancelled, 'cancelled', '')) code, count(*) n FROM requests GROUP BY 1",
    );
    return {
      state: run?.state ?? "",
      reason: run?.reason ?? null,
      verdict: run?.verdict ?? null,
      reasons: JSON.parse(run?.verdict_reasons ?? "[]") as string[],
      rows: count("SELECT count(*) FROM requests"),
      late: count("SELECT count(*) FROM late"),
      conflicts: count("SELECT count(*) FROM conflicts"),
      answered: count("SELECT count(*) FROM requests WHERE status > 0"),
      errors: Object.fromEntries(codes.map(({ code, n }) => [code, n])),
      phases: all<PhaseAccount>("SELECT * FROM phases ORDER BY phase"),
      events: all<{ kind: string; message: string }>("SELECT kind, message FROM events ORDER BY ns"),
    };
  });
  if (file === undefined) expect.fail(`there is no run file in ${folder}`);
  return file;
}

function read<Result>(folder: string, query: (db: Database.Database) => Result): Result | undefined {
  const path = join(folder, "run.db");
  if (!existsSync(path)) return undefined;
  let db: Database.Database | undefined;
  try {
    db = new Database(path, { readonly: true, timeout: 5000 });
    return query(db);
  } catch (error) {
    // Its tables are being made at this moment.
    if (error instanceof Database.SqliteError) return undefined;
    throw error;
  } finally {
    db?.close();
  }
}

/**
 * Fails where the accounts of a closed phase do not add up to what was drawn, or, where timing's account never came, where
 * that is not said; where rows, conflicts or the server's own count contradict them.
 */
export function expectReconciled(file: RunFile, { requests }: Pick<MockStats, "requests">): void {
  let recorded = 0;
  let missing = 0;
  for (const phase of file.phases.filter(({ closed }) => closed === 1)) {
    const rows = phase.succeeded + phase.errored + phase.cancelled;
    const known = rows + phase.unused + phase.dropped + phase.missing_record + phase.missing_lost;
    if (phase.is_account_complete === 1) {
      expect(known, `classes of phase ${phase.name}`).to.equal(phase.drawn);
      expect(phase.unaccounted).to.equal(0);
    } else {
      expect(known + phase.unaccounted, `classes of phase ${phase.name}, incomplete`).to.be.at.least(phase.drawn);
    }
    recorded += rows;
    missing += phase.missing_record + phase.missing_lost + phase.unaccounted;
  }
  expect(recorded, "rows that the accounts count").to.equal(file.rows);
  expect(file.conflicts).to.equal(0);
  expect(file.answered, "rows with an answer, of requests that the server has seen").to.be.at.most(requests);
  // What an account that never came would have told, nobody knows.
  if (file.phases.some((phase) => phase.is_account_complete !== 1)) return;
  expect(requests, "requests that the server has seen, of those recorded or missing").to.be.at.most(
    recorded + missing + file.late,
  );
}
