/** `assay serve --services=all` as a person starts it, with files in a folder of its own, and the built-in server to measure. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

export const program = join(import.meta.dirname, "../../services/main.ts");
const startsWithinMs = 30_000;
const endsWithinMs = 20_000;

export interface ServedSuite {
  /** host:port of every service but the workers. */
  readonly address: string;
  readonly tokenFile: string;
  readonly token: string;
  /** Holds the suite's files; anything may be put there. */
  readonly folder: string;
  /** Base URL of the built-in server. */
  readonly targetUrl: string;
  readonly pid: number;
  /** What it has written to its standard error. */
  said(): string;
  /** Null: it runs. */
  exitCode(): number | null;
  /** Ends both and removes the folder. Rejects when the suite does not end by itself with exit code 0. */
  stop(): Promise<void>;
}

export interface ServedSuiteOptions {
  /** What is started. Default: from its sources. */
  readonly assay?: string;
  /** Behind `serve --services=all`. */
  readonly args?: readonly string[];
  /** Of Node, for the suite's own process. */
  readonly nodeFlags?: readonly string[];
}

export async function startServedSuite(options: ServedSuiteOptions = {}): Promise<ServedSuite> {
  const { assay = program, args = [], nodeFlags = [] } = options;
  const folder = await mkdtemp(join(tmpdir(), "assay-served-"));
  const env = { ...process.env, XDG_RUNTIME_DIR: folder, XDG_DATA_HOME: folder, XDG_CACHE_HOME: join(folder, "cache") };
  const [suite, mock] = [
    [...nodeFlags, assay, "serve", "--services=all", ...args],
    [assay, "mock", "--port", "0"],
  ].map((words) => spawn(process.execPath, words, { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] })) as [
    ChildProcess,
    ChildProcess,
  ];
  let err = "";
  suite.stderr?.setEncoding("utf8").on("data", (text) => (err += text));
  try {
    const [address = "", tokenFile = ""] = await said(suite, /^listening on (\S+), token in (.+)\n/);
    const [targetUrl = ""] = await said(mock, /^listening on (\S+)\n/);
    return {
      address,
      tokenFile,
      token: (await readFile(tokenFile, "utf8")).trim(),
      folder,
      targetUrl,
      pid: suite.pid ?? 0,
      said: () => err,
      exitCode: () => suite.exitCode,
      async stop() {
        const codes = await Promise.all([ended(suite), ended(mock)]);
        await rm(folder, { recursive: true });
        if (codes.some((code) => code !== 0))
          throw new Error(`the suite and the built-in server ended with ${codes.join(" and ")}`);
      },
    };
  } catch (error) {
    await Promise.all([ended(suite), ended(mock)]);
    await rm(folder, { recursive: true });
    throw error;
  }
}

/** The groups of what a process writes to its standard output. Rejects, with what it wrote, when it ends before or takes too long. */
async function said(child: ChildProcess, pattern: RegExp): Promise<string[]> {
  let [out, err] = ["", ""];
  child.stderr?.setEncoding("utf8").on("data", (text) => (err += text));
  const found = Promise.withResolvers<string[]>();
  const fail = (why: string) => found.reject(new Error(`${child.spawnargs.join(" ")} ${why}\n${out}${err}`));
  child.stdout?.setEncoding("utf8").on("data", (text) => {
    out += text;
    const groups = pattern.exec(out);
    if (groups !== null) found.resolve(groups.slice(1));
  });
  child.once("exit", (code) => fail(`ended with ${code}`));
  child.once("error", (error) => fail(error.message));
  const timer = setTimeout(() => fail(`has said nothing of it after ${startsWithinMs / 1000} s`), startsWithinMs);
  return found.promise.finally(() => clearTimeout(timer));
}

/** Ends a process, by force when it does not listen. Resolves with its exit code, null after a signal. */
async function ended(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) {
    const exit = once(child, "exit");
    child.kill("SIGTERM");
    const isOver = await Promise.race([exit.then(() => true), delay(endsWithinMs, false, { ref: false })]);
    if (!isOver) child.kill("SIGKILL");
    await exit;
  }
  return child.exitCode;
}
