/**
 * A worker process and its pipe. The child reads one line of JSON from its standard input (token and addresses: nothing secret is
 * in its arguments or environment), and ends by itself when that pipe ends, so no worker outlives its manager, however that ends.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";

/** What a child is told over its pipe. */
export interface Bootstrap {
  readonly token: string | undefined;
  readonly controller: string;
  readonly memberId: string;
  readonly logFile: string | null;
  readonly logLevel: string;
  /** The manager's own config, as far as it concerns a worker. */
  readonly config: Readonly<Record<string, unknown>>;
}

export interface ChildExit {
  readonly exitCode: number;
  /** Empty: none. */
  readonly signal: string;
}

export interface WorkerChild {
  readonly pid: number;
  /** Resolves once, when the process is reaped. */
  readonly exited: Promise<ChildExit>;
  /** What the kernel says that it uses; undefined: it is gone. */
  usage(): { readonly cpuSec: number; readonly rssBytes: number } | undefined;
  /** Ends its stdin, and SIGKILL after the grace period. Resolves when it is reaped. */
  stop(graceMs: number): Promise<ChildExit>;
}

/**
 * The child loads its program while `bootstrap` is still being found out.
 * @param command program and arguments
 * @param onStderr gets what the child writes there, line by line
 */
export function startChild(
  command: readonly string[],
  bootstrap: Promise<Bootstrap>,
  onStderr: (line: string) => void,
): WorkerChild {
  const [program = process.execPath, ...args] = command;
  const child = spawn(program, args, { stdio: ["pipe", "ignore", "pipe"], env: environment() });
  const exited = exitOf(child);
  child.stdin?.on("error", ignoreBrokenPipe);
  bootstrap.then(
    (said) => child.stdin?.write(`${JSON.stringify(said)}\n`),
    () => child.stdin?.end(),
  );
  lines(child, onStderr);
  return {
    pid: child.pid ?? 0,
    exited,
    usage: () => (child.pid === undefined ? undefined : readUsage(child.pid)),
    async stop(graceMs) {
      child.stdin?.end();
      const kill = setTimeout(() => child.kill("SIGKILL"), graceMs);
      const exit = await exited;
      clearTimeout(kill);
      return exit;
    },
  };
}

/** Without this program's own variables, of which some hold keys and tokens. */
function environment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("ASSAY_")));
}

/** The child may end before it has read its pipe; its exit says so. */
function ignoreBrokenPipe(): void {}

function exitOf(child: ChildProcess): Promise<ChildExit> {
  const { promise, resolve } = Promise.withResolvers<ChildExit>();
  child.once("error", () => resolve({ exitCode: -1, signal: "" }));
  child.once("exit", (code, signal) => resolve({ exitCode: code ?? -1, signal: signal ?? "" }));
  return promise;
}

const maxLine = 4096;

function lines(child: ChildProcess, onLine: (line: string) => void): void {
  let rest = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    const parts = (rest + text).split("\n");
    rest = (parts.pop() ?? "").slice(-maxLine);
    for (const line of parts) onLine(line.slice(0, maxLine));
  });
}

const ticksPerSec = 100;
const pageBytes = 4096;

function readUsage(pid: number): { cpuSec: number; rssBytes: number } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name in brackets may hold blanks; fields are counted behind it (proc(5): utime 14, stime 15, rss 24).
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return { cpuSec: (Number(fields[11]) + Number(fields[12])) / ticksPerSec, rssBytes: Number(fields[21]) * pageBytes };
  } catch {
    return undefined;
  }
}
