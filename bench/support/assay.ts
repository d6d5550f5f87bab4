/** What the benches of whole runs share: the built-in server in a process of its own, the built command, figures of its processes. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { availableParallelism, cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import Database from "better-sqlite3";

const root = fileURLToPath(new URL("../..", import.meta.url));
/** The built command, as the package installs it. */
export const command = join(root, "dist", "assay.cjs");

/** One line that says what machine the figures are of, and what else it was doing. */
export function machineLine(): string {
  const [load = 0] = loadavg();
  return `${availableParallelism()} cores (${cpus()[0]?.model.trim() ?? "unknown"}), Node ${process.versions.node}, load average ${load.toFixed(2)} before\n`;
}

/** Builds dist/ where it is missing or older than a source. */
export function ensureBuilt(): void {
  const sources = ["services", "endpoints", "metrics", "clients", "report", "mock", "gen"].map((name) => join(root, name));
  if (existsSync(command) && sources.every((folder) => newestMs(folder) < statSync(command).mtimeMs)) return;
  process.stdout.write("building dist/\n");
  const { status } = spawnSync(process.execPath, [join(root, "scripts", "build.mjs")], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  if (status !== 0) throw new Error("dist/ could not be built");
}

function newestMs(folder: string): number {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Math.max(...entries.map((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs));
}

/** Whether `assay run` has this option. */
export function hasOption(flag: string): boolean {
  return spawnSync(process.execPath, [command, "help", "run"], { encoding: "utf8" }).stdout.includes(flag);
}

/** The transports to measure, as arguments of `assay run`; where there is no choice, the one that there is. */
export function transports(): { readonly name: string; readonly args: readonly string[] }[] {
  if (!hasOption("--transport")) return [{ name: "undici", args: [] }];
  return ["http1", "undici"].map((name) => ({ name, args: ["--transport", name] }));
}

const children = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of children) child.kill("SIGTERM");
});
for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => process.exit(1));

/** A child that does not outlive this process. */
export function owned<Child extends ChildProcess>(child: Child): Child {
  children.add(child);
  child.once("exit", () => children.delete(child));
  return child;
}

export interface RunningServer {
  readonly url: string;
  /** `host:port`; empty without `--grpc-port`. */
  readonly grpcAddress: string;
  readonly pid: number;
  stats(): Promise<ServerStats>;
  stop(): Promise<void>;
}

/** What the benches use of the built-in server's counts. */
export interface ServerStats {
  readonly requests: number;
  readonly chunksWritten: number;
  readonly chunkWrites: number;
  readonly openConnections: number;
  readonly cpuUserUs: number;
  readonly cpuSystemUs: number;
}

/** The built-in server with these arguments, on any free port. It lists the model that the benches ask for. */
export async function startServer(args: readonly string[]): Promise<RunningServer> {
  const child = owned(
    spawn(process.execPath, [command, "mock", "--port", "0", "--model", "mock-model", ...args], {
      stdio: ["ignore", "pipe", "ignore"],
    }),
  );
  const [url, grpcUrl] = await urlsOf(child, args.includes("--grpc-port") ? 2 : 1);
  return {
    url,
    grpcAddress: grpcUrl.replace("grpc://", ""),
    pid: child.pid ?? 0,
    stats: async () => (await fetch(`${url}/stats`)).json() as Promise<ServerStats>,
    stop: () =>
      new Promise((resolve) => {
        child.once("exit", () => resolve());
        child.kill("SIGTERM");
      }),
  };
}

/** What it says first: where it listens. */
async function urlsOf(child: ChildProcess, count: 1 | 2): Promise<[http: string, grpc: string]> {
  if (child.stdout === null) throw new Error("the server has no standard output");
  const urls: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /^listening on (\S+)/.exec(line)?.[1];
    if (url !== undefined) urls.push(url);
    if (urls.length === count) return [urls[0] ?? "", urls[1] ?? ""];
  }
  throw new Error("the server did not start");
}

export interface FinishedRun {
  readonly exitCode: number | null;
  /** CLOCK_MONOTONIC before the process was started, and when it had printed its table and ended, in ns. */
  readonly startNs: number;
  readonly tableNs: number;
  readonly endNs: number;
  /** Largest sum of the proportional set sizes of all its processes, in bytes, and their number then. */
  readonly peakPssBytes: number;
  readonly processes: number;
  /** CPU time of all its processes, in seconds. */
  readonly cpuSec: number;
  /** Where its files are, until `discard`. */
  readonly folder: string;
  discard(): void;
}

const sampleMs = 20;

export interface RunOptions {
  readonly isMemorySampled?: boolean;
  /** A run that fails is not shown. */
  readonly isFailureExpected?: boolean;
  onStarted?(pid: number): void;
}

/** Runs `assay run` with these arguments in a folder of its own. */
export async function runAssay(args: readonly string[], options: RunOptions = {}): Promise<FinishedRun> {
  const base = mkdtempSync(join(tmpdir(), "assay-bench-"));
  const folder = join(base, "run");
  const cpuBefore = process.resourceUsage();
  const startNs = nowNs();
  const child = owned(
    spawn(process.execPath, [command, "run", ...args, "--output-artifact-dir", folder], {
      cwd: base,
      stdio: ["ignore", "pipe", "pipe"],
    }),
  );
  options.onStarted?.(child.pid ?? 0);
  let tableNs = 0;
  let errors = "";
  child.stdout.on("data", () => {
    tableNs = nowNs();
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  let peak = { bytes: 0, processes: 0 };
  const timer =
    options.isMemorySampled === true
      ? setInterval(() => {
          const now = pssOf(child.pid ?? 0);
          if (now.bytes > peak.bytes) peak = now;
        }, sampleMs)
      : undefined;
  const cpu = watchCpu(child.pid ?? 0);
  const exitCode = await new Promise<number | null>((resolve) => child.once("exit", resolve));
  clearInterval(timer);
  const endNs = nowNs();
  if (exitCode !== 0 && options.isFailureExpected !== true) process.stderr.write(errors);
  const cpuAfter = process.resourceUsage();
  return {
    exitCode,
    startNs,
    tableNs,
    endNs,
    peakPssBytes: peak.bytes,
    processes: peak.processes,
    cpuSec: Math.max(cpu.stop(), (cpuAfter.userCPUTime - cpuBefore.userCPUTime) / 1e9),
    folder,
    discard: () => rmSync(base, { recursive: true, force: true }),
  };
}

/** Reads a run's file. */
export function openRun(folder: string): Database.Database {
  return new Database(join(folder, "run.db"), { readonly: true });
}

export function nowNs(): number {
  return Number(process.hrtime.bigint());
}

/** What a run's file says of the requests of its measured phase, and of the time from their first send to the last commit. */
export function spanOf(folder: string): {
  /** Of all phases. */
  readonly sent: number;
  readonly rows: number;
  readonly failed: number;
  readonly outputTokens: number;
  readonly sec: number;
} {
  const db = openRun(folder);
  const sql = `SELECT (SELECT count(*) FROM requests) AS sent, count(*) AS rows, count(error_code) AS failed,
    coalesce(sum(output_sequence_length), 0) AS outputTokens, min(sent_ns) AS firstNs
    FROM requests JOIN phases USING (phase) WHERE kind = 'profiling'`;
  const found = db.prepare(sql).get() as { sent: number; rows: number; failed: number; outputTokens: number; firstNs: number };
  const sqlOfEnd = "SELECT max(ns) AS ns FROM events WHERE kind = 'records_complete'";
  const { ns } = db.prepare(sqlOfEnd).get() as { ns: number };
  db.close();
  return { ...found, sec: (ns - found.firstNs) / 1e9 };
}

/** Ascending. */
export function sorted(values: Iterable<number>): Float64Array {
  return Float64Array.from(values).sort();
}

export function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let index = 0; index < values.length; index++) sum += values[index] as number;
  return sum / values.length;
}

/** Linear interpolation between the closest ranks; `sorted` ascending, not empty. */
export function percentile(sorted: Float64Array, share: number): number {
  const rank = share * (sorted.length - 1);
  const low = Math.floor(rank);
  const below = sorted[low] ?? Number.NaN;
  return below + ((sorted[Math.ceil(rank)] ?? Number.NaN) - below) * (rank - low);
}

/** A process and all that it started. */
export function treeOf(pid: number): number[] {
  const found = [pid];
  for (const at of found) {
    try {
      for (const task of readdirSync(`/proc/${at}/task`)) {
        const children = readFileSync(`/proc/${at}/task/${task}/children`, "utf8").trim();
        if (children !== "") found.push(...children.split(" ").map(Number));
      }
    } catch {
      // It ended meanwhile.
    }
  }
  return found;
}

/** The proportional set sizes of a process and all that it started, or of those whose command line has `name` in it. */
export function pssOf(pid: number, name = ""): { bytes: number; processes: number } {
  let bytes = 0;
  let processes = 0;
  for (const each of treeOf(pid)) {
    if (name !== "" && !commandOf(each).includes(name)) continue;
    try {
      bytes += Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${each}/smaps_rollup`, "utf8"))?.[1] ?? 0) * 1024;
      processes++;
    } catch {
      // It ended meanwhile.
    }
  }
  return { bytes, processes };
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1");
  } catch {
    return "";
  }
}

/** CPU time of a process and all that it started, those that ended meanwhile by their last reading. */
function watchCpu(pid: number): { stop(): number } {
  const seen = new Map<number, number>();
  const read = (): void => {
    for (const each of treeOf(pid)) {
      try {
        const stat = readFileSync(`/proc/${each}/stat`, "utf8");
        const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
        seen.set(each, (Number(fields[11]) + Number(fields[12])) / 100);
      } catch {
        // It ended meanwhile.
      }
    }
  };
  const timer = setInterval(read, 100);
  return {
    stop() {
      clearInterval(timer);
      return [...seen.values()].reduce((sum, sec) => sum + sec, 0);
    },
  };
}
