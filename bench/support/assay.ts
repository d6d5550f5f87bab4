/** What the benches of whole runs share: the built-in server in a process of its own, the built command, figures of its processes. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import Database from "better-sqlite3";

const root = fileURLToPath(new URL("../..", import.meta.url));
/** The built command, as the package installs it. */
const command = join(root, "dist", "assay.cjs");

/** One line that says what machine the figures are of, and what else it was doing. */
export function machineLine(): string {
  const [load = 0] = loadavg();
  return `${availableParallelism()} cores (${cpus()[0]?.model.trim() ?? "unknown"}), Node ${process.versions.node}, load average ${load.toFixed(2)} before\n`;
}

/** Builds dist/ where it is missing. */
export function ensureBuilt(): void {
  if (existsSync(command)) return;
  const { status } = spawnSync(process.execPath, [join(root, "scripts", "build.mjs")], { stdio: "inherit" });
  if (status !== 0) throw new Error("dist/ could not be built");
}

export interface RunningServer {
  readonly url: string;
  readonly pid: number;
  stats(): Promise<{ readonly requests: number; readonly cpuUserUs: number; readonly cpuSystemUs: number }>;
  stop(): Promise<void>;
}

/** The built-in server with these arguments, on any free port. It lists the model that the benches ask for. */
export async function startServer(args: readonly string[]): Promise<RunningServer> {
  const child = spawn(process.execPath, [command, "mock", "--port", "0", "--model", "mock-model", ...args], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const url = await firstUrl(child);
  return {
    url,
    pid: child.pid ?? 0,
    stats: async () => (await fetch(`${url}/stats`)).json() as ReturnType<RunningServer["stats"]>,
    stop: () =>
      new Promise((resolve) => {
        child.once("exit", () => resolve());
        child.kill("SIGTERM");
      }),
  };
}

async function firstUrl(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error("the server has no standard output");
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /^listening on (http:\S+)/.exec(line)?.[1];
    if (url !== undefined) return url;
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

/** Runs `assay run` with these arguments in a folder of its own. */
export async function runAssay(
  args: readonly string[],
  options: { readonly isMemorySampled?: boolean } = {},
): Promise<FinishedRun> {
  const base = mkdtempSync(join(tmpdir(), "assay-bench-"));
  const folder = join(base, "run");
  const cpuBefore = process.resourceUsage();
  const startNs = nowNs();
  const child = spawn(process.execPath, [command, "run", ...args, "--output-artifact-dir", folder], {
    cwd: base,
    stdio: ["ignore", "pipe", "pipe"],
  });
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
  if (exitCode !== 0) process.stderr.write(errors);
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

/** Linear interpolation between the closest ranks; `sorted` ascending, not empty. */
export function percentile(sorted: Float64Array, share: number): number {
  const rank = share * (sorted.length - 1);
  const low = Math.floor(rank);
  const below = sorted[low] ?? Number.NaN;
  return below + ((sorted[Math.ceil(rank)] ?? Number.NaN) - below) * (rank - low);
}

/** A process and all that it started. */
function treeOf(pid: number): number[] {
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

function pssOf(pid: number): { bytes: number; processes: number } {
  let bytes = 0;
  let processes = 0;
  for (const each of treeOf(pid)) {
    try {
      bytes += Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${each}/smaps_rollup`, "utf8"))?.[1] ?? 0) * 1024;
      processes++;
    } catch {
      // It ended meanwhile.
    }
  }
  return { bytes, processes };
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
