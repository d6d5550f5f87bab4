/**
 * How a second terminal finds the suites of its user: each leaves a file that only its owner may read, beside the token of `assay serve`,
 * and takes it away when it ends. A file whose process is gone is removed by whoever looks.
 */
import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, readlinkSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { homedir, hostname } from "node:os";
import { join } from "node:path";
import { AssayError, messageOf } from "./errors.ts";
import { readClockIdentity } from "./member/suite-clock.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** A suite as its file has it. */
export interface ListedSuite {
  /** Of the controller, `host:port`. */
  readonly address: string;
  /** Command that started it: `assay run`. */
  readonly startedBy: string;
  /** The token itself, of a suite that has none in a file. */
  readonly token?: string | undefined;
  /** File with the token. Neither this nor `token`: the suite asks for none. */
  readonly tokenFile?: string | undefined;
  /** It speaks TLS. */
  readonly isTls?: boolean | undefined;
  /** PEM file of the authority of its certificate, absolute. */
  readonly tlsCa?: string | undefined;
}

/** A process, so that one that has its id later is not taken for it. */
export interface ProcessIdentity {
  readonly host: string;
  /** New at every start of the host; empty where the system does not say. */
  readonly bootId: string;
  /** Empty where the system does not say. */
  readonly pidNamespace: string;
  readonly pid: number;
  /** When it was started, in ticks since the boot; empty where the system does not say. */
  readonly startTicks: string;
}

export interface FoundSuite extends ListedSuite {
  readonly pid: number;
}

export interface FoundSuites {
  /** Whose processes live, oldest file first. */
  readonly suites: readonly FoundSuite[];
  /** Files of other users, which are left alone. */
  readonly strangers: number;
  /** Where was looked. */
  readonly folder: string;
}

/** Where a user's own files of suites lie: the token of `assay serve`, and the files of this module. */
export function ownFolder(env: Environment): string {
  return join(env.XDG_RUNTIME_DIR || join(env.HOME || homedir(), ".cache"), "assay");
}

/**
 * Lists a suite for as long as this process lives; returns what takes the file away again. Throws `permission_denied` naming the folder
 * where it cannot be written.
 */
export function listSuite(suite: ListedSuite, env: Environment): () => void {
  const folder = suitesFolder(env);
  const name = `${process.pid}-${randomBytes(4).toString("hex")}`;
  const path = join(folder, `${name}.json`);
  const unfinished = join(folder, `${name}.new`);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(unfinished, `${JSON.stringify({ ...suite, process: identityOf(process.pid) })}\n`, { mode: 0o600, flag: "wx" });
    renameSync(unfinished, path);
  } catch (error) {
    throw new AssayError("permission_denied", `cannot write into ${folder}: ${messageOf(error)}`, { cause: error });
  }
  return () => {
    try {
      rmSync(path, { force: true });
    } catch {
      // Whoever looks next finds the process gone.
    }
  };
}

/**
 * The suites of this user on this host; files of those that are gone are removed. Throws `permission_denied` where the folder cannot be
 * read, and `invalid_argument` for a file that others can read.
 */
export function findSuites(env: Environment): FoundSuites {
  const folder = suitesFolder(env);
  const suites: FoundSuite[] = [];
  let strangers = 0;
  for (const path of filesIn(folder)) {
    const found = readFile(path);
    if (found === "stranger") strangers++;
    else if (found !== undefined) suites.push(found);
  }
  return { suites, strangers, folder };
}

/**
 * What a file's process is, seen from another process of this user:
 * - elsewhere: of another host or another container, whose processes cannot be seen. Its file is left to those who can.
 * - gone: this host was started anew since, no process has this id, or one that was started at another time has it.
 * - alive: anything else.
 */
export function stateOfProcess(
  listed: ProcessIdentity,
  here: ProcessIdentity,
  now: ProcessIdentity | undefined,
): "elsewhere" | "gone" | "alive" {
  if (listed.host !== here.host) return "elsewhere";
  if (listed.bootId !== here.bootId) return "gone";
  if (listed.pidNamespace !== here.pidNamespace) return "elsewhere";
  return now === undefined || now.startTicks !== listed.startTicks ? "gone" : "alive";
}

function suitesFolder(env: Environment): string {
  return join(ownFolder(env), "suites");
}

/** By the time of their making. */
function filesIn(folder: string): string[] {
  try {
    const paths = readdirSync(folder)
      .filter((name) => name.endsWith(".json"))
      .map((name) => join(folder, name));
    return paths.sort((one, other) => madeMs(one) - madeMs(other));
  } catch (error) {
    // Nothing was listed yet.
    if (codeOf(error) === "ENOENT") return [];
    throw new AssayError("permission_denied", `cannot look for suites in ${folder}: ${messageOf(error)}`, { cause: error });
  }
}

function madeMs(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** Undefined: there is no such suite any more, or none that can be seen from here. */
function readFile(path: string): FoundSuite | "stranger" | undefined {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return undefined;
  // What somebody else wrote could lead anywhere.
  if (process.getuid !== undefined && stat.uid !== process.getuid()) return "stranger";
  if ((stat.mode & 0o077) !== 0) throw new AssayError("invalid_argument", `the suite in ${path} is open to others: chmod 600 it`);
  const entry = entryOf(path);
  if (entry === undefined) return undefined;
  const { process: listed, ...suite } = entry;
  const state = stateOfProcess(listed, identityOf(process.pid), living(listed.pid));
  if (state === "gone") rmSync(path, { force: true });
  return state === "alive" ? { ...suite, pid: listed.pid } : undefined;
}

/** Undefined: it has just been taken away, or is no such file. */
function entryOf(path: string): (ListedSuite & { readonly process: ProcessIdentity }) | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(path, "utf8"));
    return isEntry(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isEntry(value: unknown): value is ListedSuite & { readonly process: ProcessIdentity } {
  if (!isObject(value) || !isObject(value.process)) return false;
  const { host, bootId, pidNamespace, pid, startTicks } = value.process;
  const texts = [value.address, value.startedBy, host, bootId, pidNamespace, startTicks];
  return texts.every((text) => typeof text === "string") && Number.isSafeInteger(pid) && Number(pid) > 0;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function living(pid: number): ProcessIdentity | undefined {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // Somebody else's process is one, too.
    if (codeOf(error) !== "EPERM") return undefined;
  }
  return identityOf(pid);
}

function identityOf(pid: number): ProcessIdentity {
  const { bootId } = readClockIdentity();
  return {
    host: hostname(),
    bootId,
    pidNamespace: attempt(() => readlinkSync("/proc/self/ns/pid")),
    pid,
    startTicks: startTicksOf(pid),
  };
}

/** Field 22 of `/proc/PID/stat`; what stands before the last parenthesis is a name that may hold anything. */
function startTicksOf(pid: number): string {
  const text = attempt(() => readFileSync(`/proc/${pid}/stat`, "utf8"));
  return text.slice(text.lastIndexOf(")") + 2).split(" ")[19] ?? "";
}

function attempt(read: () => string): string {
  try {
    return read();
  } catch {
    return "";
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
