/**
 * What figures of a large run cost while another run is written: `node bench/summary.ts [rows] [folder]`. A process writes a run of so many
 * requests (`support/stored-run.ts`; ten million take 6 GB and some minutes); this one then asks for one metric and for the whole summary, as
 * the records-manager does, in its query thread, and stores 5000 rows per second of another run meanwhile. A folder that is given is kept, and
 * the run that it holds is used again.
 */
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { requestLatency } from "../metrics/request-latency.ts";
import { percentileOf } from "../services/records-manager/core/statistics.ts";
import { QueryClient } from "../services/records-manager/query-client.ts";
import { RunReader } from "../services/records-manager/store/run-reader.ts";
import { machineLine } from "./support/assay.ts";
import { type Figure, reportFigures } from "./support/figures.ts";
import { createRun, insertAll, plausibleRecords, type StoredRun } from "./support/stored-run.ts";

const rows = Number(process.argv[2] ?? 1_000_000);
const scratch = mkdtempSync(join(tmpdir(), "assay-bench-summary-"));
const folder = process.argv[3] ?? join(scratch, "run");
/** Of ten million rows. */
const metricBarSec = 3;
const summaryBarSec = 60;
const memoryBarMb = 500;
const quietMs = 3_000;
const rowsABatch = 100;
const batchMs = 20;

/** Another run under way: so many rows at a time, committed at once. */
class Ingestion {
  private readonly store = createRun(join(scratch, "other"));
  private readonly records = Array.from({ length: 100 * rowsABatch }, records());
  private delaysMs: number[] = [];
  private next = 0;
  private dueMs = performance.now();
  private timer = setTimeout(() => this.write(), batchMs);

  /** From when each batch was due until it was committed, since the last call. */
  takeDelays(): number[] {
    return this.delaysMs.splice(0).sort((one, other) => one - other);
  }

  end(): void {
    clearTimeout(this.timer);
    this.store.close();
  }

  private write(): void {
    this.dueMs += batchMs;
    const batch = Array.from({ length: rowsABatch }, () => {
      const creditId = this.next++;
      return { ...(this.records[creditId % this.records.length] as (typeof this.records)[number]), creditId };
    });
    insertAll(this.store, batch);
    const now = performance.now();
    this.delaysMs.push(now - this.dueMs);
    this.timer = setTimeout(() => this.write(), Math.max(0, this.dueMs + batchMs - now));
  }
}

function records() {
  const generator = plausibleRecords();
  return () => generator.next().value;
}

async function storedRun(): Promise<StoredRun | undefined> {
  if (existsSync(join(folder, "run.db"))) return undefined;
  const program = join(import.meta.dirname, "support", "stored-run.ts");
  const { stdout } = await promisify(execFile)(process.execPath, [program, folder, String(rows)]);
  return JSON.parse(stdout) as StoredRun;
}

/** A folder that was given may hold more or fewer than were asked for. */
function rowsIn(folder: string): number {
  const reader = RunReader.open(folder);
  try {
    return reader.rowBound();
  } finally {
    reader.close();
  }
}

/** Wall and CPU time of one question, in seconds. */
async function timed(ask: () => Promise<unknown>): Promise<{ readonly sec: number; readonly cpuSec: number }> {
  const before = process.cpuUsage();
  const startMs = performance.now();
  await ask();
  const { user, system } = process.cpuUsage(before);
  return { sec: (performance.now() - startMs) / 1000, cpuSec: (user + system) / 1e6 };
}

function delayFigures(when: string, delaysMs: readonly number[]): Figure[] {
  const at = (percentile: number) => percentileOf(delaysMs.length, percentile, (rank) => delaysMs[rank] ?? Number.NaN);
  return [50, 99, 100].map((percentile) => ({
    figure: `commit of the other run, ${when}: ${percentile === 100 ? "longest" : `p${percentile}`}`,
    measured: delaysMs.length === 0 ? Number.NaN : at(percentile),
    unit: "ms",
  }));
}

process.stdout.write(machineLine());
const queries = new QueryClient();
try {
  const stored = await storedRun();
  const sizeBytes = statSync(join(folder, "run.db")).size;
  const ingestion = new Ingestion();
  await new Promise((resolve) => setTimeout(resolve, quietMs));
  const quiet = delayFigures("nothing asked", ingestion.takeDelays());
  const metric = await timed(() => queries.ask("groups", { folder, groupBy: [], metrics: [requestLatency.tag] }));
  const summary = await timed(() => queries.ask("summarize", { folder }));
  const busy = delayFigures("meanwhile", ingestion.takeDelays());
  ingestion.end();
  const count = rowsIn(folder);
  const of = `of ${count} rows`;
  const written: Figure[] =
    stored === undefined
      ? []
      : [{ figure: `CPU of insert and commit ${of}`, measured: stored.storeCpuUs / stored.rows, unit: "µs/row" }];
  reportFigures("summary", [
    ...written,
    { figure: `size ${of}`, measured: sizeBytes / count, unit: "B/row" },
    { figure: `one metric ${of}`, measured: metric.sec, unit: "s", bar: { of: "figure", atMost: metricBarSec } },
    { figure: `one metric ${of}: CPU`, measured: metric.cpuSec, unit: "s" },
    { figure: `whole summary ${of}`, measured: summary.sec, unit: "s", bar: { of: "figure", atMost: summaryBarSec } },
    { figure: `whole summary ${of}: CPU, the other run included`, measured: summary.cpuSec, unit: "s" },
    {
      figure: "most memory of the process",
      measured: process.resourceUsage().maxRSS / 1024,
      unit: "MB",
      bar: { of: "figure", atMost: memoryBarMb },
    },
    ...quiet,
    ...busy,
  ]);
} finally {
  await queries.close();
  rmSync(scratch, { recursive: true, force: true });
}
