/**
 * Whether a suite that stays up stays as it is: `node bench/soak.ts [minutes, 30] [requests a second, 100]`. Its services are in processes of
 * their own, and run after run goes through them, ten in all, streamed at a constant rate. Every process is looked at each 10 s.
 *
 * It is flat when, of every process that lived all the time, from the first quarter of the samples to the last one (the first fifth, two runs, in which
 * code is compiled and everything is done for the first time, is left out) the least of its resident memory and of its heap have grown by 10 % or by
 * 8 MiB at most (garbage comes and goes, and so do threads that answer questions; what is left without them is what grows), the median of its descriptors
 * and the least of its threads by 4 (between runs there are no connections); when every run has completed with as many rows as were asked for and none of
 * them missing; and when no process has been replaced. Exit code 1 where that is not so.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import Database from "better-sqlite3";
import Table from "cli-table3";
import { command, ensureBuilt, machineLine, owned, percentile, sorted, startServer, treeOf } from "./support/assay.ts";

const minutes = Number(process.argv[2] ?? 30);
const ratePerSec = Number(process.argv[3] ?? 100);
const runs = 10;
const sampleMs = Math.min(10_000, (minutes * 60_000) / 100);
const warmUpShare = 0.2;
const grownBy = { share: 0.1, bytes: 8 << 20, count: 4 };
/** Least of a phase's end, files and the next run's start. */
const betweenRunsSec = 6;
/** Above what a run may take longer than its phase on a machine that has much else to do. */
const lateSec = 120;
const mib = (bytes: number): string => (bytes / (1 << 20)).toFixed(1);

interface Sample {
  readonly rssBytes: number;
  /** NaN: the page did not answer. */
  readonly heapBytes: number;
  readonly fds: number;
  readonly threads: number;
}

interface Watched {
  readonly name: string;
  readonly samples: Sample[];
}

interface Quarter {
  readonly rssBytes: number;
  readonly heapBytes: number;
  readonly fds: number;
  readonly threads: number;
}

ensureBuilt();
process.stdout.write(machineLine());
const folder = mkdtempSync(join(tmpdir(), "assay-soak-"));
const env = { ...process.env, XDG_RUNTIME_DIR: folder, XDG_DATA_HOME: folder, XDG_CACHE_HOME: folder };
const target = await startServer(["--ttft", "20", "--itl", "5"]);
const runsDir = join(folder, "runs");
const controller = await startPart("controller,dataset,telemetry", `--runs-dir=${runsDir}`);
const at = `--controller=${controller.address}`;
const parts = await Promise.all(
  ["timing", "records-manager", "record-processor", "worker-manager"].map((service) => startPart(service, at)),
);
const pids = [controller, ...parts].map(({ pid }) => pid);
const watched = new Map<number, Watched>();
let isOver = false;
const watching = watch();
const faults: string[] = [];
let rows = 0;
/** How many samples there were at the end of each run. */
const samplesAtEnds: number[] = [];
for (let index = 0; index < runs; index++) {
  await run(index);
  samplesAtEnds.push(Math.max(...[...watched.values()].map(({ samples }) => samples.length)));
}
isOver = true;
await watching;
report();
for (const pid of pids) process.kill(pid, "SIGTERM");
await target.stop();
rmSync(folder, { recursive: true, force: true, maxRetries: 5 });

async function startPart(services: string, ...args: readonly string[]): Promise<{ pid: number; address: string }> {
  const words = ["serve", `--services=${services}`, "--insecure", "--metrics", "--log-level=error", ...args];
  const child = owned(spawn(process.execPath, [command, ...words], { env, stdio: ["ignore", "pipe", "inherit"] }));
  if (child.stdout === null) throw new Error("the process has no standard output");
  for await (const line of createInterface({ input: child.stdout })) {
    const address = /^listening on ([^,\s]+)/.exec(line)?.[1];
    if (address !== undefined) return { pid: child.pid ?? 0, address };
  }
  throw new Error(`assay serve --services=${services} did not start`);
}

/** One run to its end, and what its file says. */
async function run(index: number): Promise<void> {
  const sec = Math.max(2, Math.floor((minutes * 60) / runs - betweenRunsSec));
  const asked = sec * ratePerSec;
  const out = join(folder, `out-${index}`);
  const load = ["--request-rate", String(ratePerSec), "--arrival-pattern", "constant", "--request-count", String(asked)];
  const kept = ["--isl", "64", "--osl", "32", "--workers-max", "2", "--no-gpu-telemetry", "--quiet", "--artifact-dir", out];
  const words = [
    "run",
    "-m",
    "mock-model",
    "-u",
    target.url,
    "--streaming",
    "--controller",
    controller.address,
    ...load,
    ...kept,
  ];
  const child = owned(spawn(process.execPath, [command, ...words], { env, cwd: folder, stdio: ["ignore", "ignore", "pipe"] }));
  let said = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  const late = setTimeout(() => child.kill("SIGKILL"), (sec + lateSec) * 1000);
  const code = await new Promise<number | null>((resolve) => child.once("exit", resolve));
  clearTimeout(late);
  if (code !== 0) {
    faults.push(`run ${index + 1} ended with ${code}: ${said.trim().split("\n").at(-1)}`);
    return;
  }
  const account = newestAccount();
  rows += account.rows;
  const missing = account.missing_record + account.missing_lost;
  if (account.rows !== asked || missing > 0)
    faults.push(`run ${index + 1}: ${account.rows} rows of ${asked}, ${missing} missing`);
  rmSync(out, { recursive: true, force: true });
}

/** Of the run that began last. */
function newestAccount(): { readonly rows: number; readonly missing_record: number; readonly missing_lost: number } {
  const catalog = new Database(join(runsDir, "catalog.db"), { readonly: true });
  const at = catalog.prepare("SELECT folder FROM runs ORDER BY created_wall_ns DESC LIMIT 1").pluck().get() as string;
  catalog.close();
  const db = new Database(join(at, "run.db"), { readonly: true });
  const account = db
    .prepare("SELECT (SELECT count(*) FROM requests) rows, missing_record, missing_lost FROM phases ORDER BY phase DESC LIMIT 1")
    .get();
  db.close();
  return account as ReturnType<typeof newestAccount>;
}

async function watch(): Promise<void> {
  while (!isOver) {
    const heaps = await heapsByPid();
    for (const pid of [target.pid, ...pids.flatMap(treeOf)]) {
      const sample = sampleOf(pid, heaps.get(pid) ?? Number.NaN);
      if (sample === undefined) continue;
      const known = watched.get(pid) ?? { name: nameOf(pid), samples: [] };
      watched.set(pid, known);
      known.samples.push(sample);
    }
    await delay(sampleMs);
  }
}

/** Of those processes that have a page. */
async function heapsByPid(): Promise<Map<number, number>> {
  const heaps = new Map<number, number>();
  try {
    const limit = { signal: AbortSignal.timeout(5_000) };
    const groups = (await (await fetch(`http://${controller.address}/metrics/targets`, limit)).json()) as { targets: string[] }[];
    const addresses = groups.flatMap(({ targets }) => targets);
    const pages = await Promise.all(addresses.map(async (address) => (await fetch(`http://${address}/metrics`, limit)).text()));
    const portOf = new Map(addresses.map((address, index) => [Number(address.split(":").at(-1)), pages[index] ?? ""]));
    for (const pid of pids.flatMap(treeOf)) {
      const page = portOf.get(listeningPortOf(pid) ?? 0);
      const heap = page && /^assay_process_heap_used_bytes(?:\{[^}]*\})? (\S+)$/m.exec(page)?.[1];
      if (heap !== undefined) heaps.set(pid, Number(heap));
    }
  } catch {
    // A page that does not answer in time is a sample less.
  }
  return heaps;
}

/** Undefined: it has ended. */
function sampleOf(pid: number, heapBytes: number): Sample | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const number = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1]);
    return {
      rssBytes: number("VmRSS") * 1024,
      threads: number("Threads"),
      fds: readdirSync(`/proc/${pid}/fd`).length,
      heapBytes,
    };
  } catch {
    return undefined;
  }
}

function nameOf(pid: number): string {
  const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  return words.find((word) => word.startsWith("--services="))?.slice("--services=".length) ?? "the target (assay mock)";
}

function report(): void {
  const longest = Math.max(...[...watched.values()].map(({ samples }) => samples.length));
  const head = ["process", "RSS MiB", "", "heap MiB", "", "fds", "", "threads", "", "verdict"];
  const lines: string[][] = [head.map((text) => text), ["", ...Array.from({ length: 4 }, () => ["first", "last"]).flat(), ""]];
  for (const { name, samples } of watched.values()) {
    if (samples.length < longest - 1) {
      faults.push(`${name} lived for ${samples.length} samples of ${longest}`);
      continue;
    }
    const settled = samples.slice(Math.floor(samples.length * warmUpShare));
    const quarter = Math.max(1, Math.floor(settled.length / 4));
    const [first, last] = [quarterOf(settled.slice(0, quarter)), quarterOf(settled.slice(-quarter))];
    const grown = [
      ...(isGrown(first.rssBytes, last.rssBytes) ? ["RSS"] : []),
      ...(isGrown(first.heapBytes, last.heapBytes) ? ["heap"] : []),
      ...(last.fds > first.fds + grownBy.count ? ["fds"] : []),
      ...(last.threads > first.threads + grownBy.count ? ["threads"] : []),
    ];
    if (grown.length > 0) faults.push(`${name}: ${grown.join(", ")} grew`);
    const bytes = [first.rssBytes, last.rssBytes, first.heapBytes, last.heapBytes].map((value) =>
      Number.isFinite(value) ? mib(value) : "–",
    );
    const counts = [first.fds, last.fds, first.threads, last.threads].map(String);
    lines.push([name, ...bytes, ...counts, grown.length === 0 ? "flat" : `${grown.join(", ")} grew`]);
  }
  const table = new Table({ style: { head: [], border: [] } });
  table.push(...lines);
  process.stdout.write(`${table.toString()}\n`);
  process.stdout.write("RSS MiB in each run, least and most:\n");
  for (const { name, samples } of watched.values()) {
    // Processes that a run starts are looked at from then on.
    const late = longest - samples.length;
    const ofRuns = samplesAtEnds.map((count, index) => {
      const within = samples.slice(Math.max(0, (samplesAtEnds[index - 1] ?? 0) - late), Math.max(0, count - late));
      const rss = within.map(({ rssBytes }) => rssBytes / (1 << 20));
      return rss.length === 0 ? "–" : `${Math.round(Math.min(...rss))}-${Math.round(Math.max(...rss))}`;
    });
    process.stdout.write(`  ${name}: ${ofRuns.join(", ")}\n`);
  }
  process.stdout.write(`${runs} runs, ${rows} rows, a sample each ${sampleMs / 1000} s, ${longest} of them\n`);
  process.stdout.write(faults.length === 0 ? "flat\n" : `not flat:\n${faults.map((fault) => `  ${fault}\n`).join("")}`);
  if (faults.length > 0) process.exitCode = 1;
}

function quarterOf(samples: readonly Sample[]): Quarter {
  const heaps = samples.map(({ heapBytes }) => heapBytes).filter(Number.isFinite);
  return {
    rssBytes: Math.min(...samples.map(({ rssBytes }) => rssBytes)),
    heapBytes: Math.min(...heaps),
    fds: percentile(sorted(samples.map(({ fds }) => fds)), 0.5),
    threads: Math.min(...samples.map(({ threads }) => threads)),
  };
}

function isGrown(first: number, last: number): boolean {
  return last > first * (1 + grownBy.share) && last > first + grownBy.bytes;
}

/** The one port that a process of the suite listens on. */
function listeningPortOf(pid: number): number | undefined {
  const own = new Set(
    readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? [];
      } catch {
        return [];
      }
    }),
  );
  const entries = readFileSync("/proc/net/tcp", "utf8").split("\n").slice(1);
  for (const entry of entries) {
    const [, local = "", , state, , , , , , inode = ""] = entry.trim().split(/\s+/);
    if (state === "0A" && own.has(inode)) return Number.parseInt(local.split(":")[1] ?? "", 16);
  }
  return undefined;
}
