/**
 * A trace at full scale, by its own times: `node bench/replay.ts [rows] [rows per second] [normal|precise]`, a million at 2 000 a second (500 s) and normal
 * pacing by default. A generated trace of short prompts, blocks of 16 tokens that requests share, goes through the whole pipeline (read, stored,
 * prompts made, sent, recorded, counted) against the built-in server.
 * - lateness: sent − due of every request, from run.db;
 * - until the first request is sent: from the start of the command on, the trace not yet in the cache;
 * - not as it should be: rows of the trace that were not sent, dropped, failed or without a record, and requests that the server has not seen.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureBuilt, type FinishedRun, machineLine, openRun, percentile, runAssay, startServer } from "./support/assay.ts";
import { type Figure, reportFigures } from "./support/figures.ts";
import { writeMooncakeTrace } from "./support/mooncake.ts";
import { type Peaks, watchPeaks } from "./support/peaks.ts";

const rows = Number(process.argv[2] ?? 1_000_000);
const ratePerSec = Number(process.argv[3] ?? 2000);
const pacing = process.argv[4] ?? "normal";
const blockTokens = 16;
const bars: Readonly<Record<string, { readonly p50Ms: number; readonly p99Ms?: number }>> = {
  normal: { p50Ms: 0.7 },
  precise: { p50Ms: 0.1, p99Ms: 1.5 },
};
const bar = bars[pacing];
if (bar === undefined) throw new Error(`pacing must be one of ${Object.keys(bars).join(", ")}, got ${pacing}`);

ensureBuilt();
process.stdout.write(machineLine());
const folder = mkdtempSync(join(tmpdir(), "assay-bench-replay-"));
process.env.XDG_CACHE_HOME = join(folder, "cache");
try {
  reportFigures("replay", await replay());
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function replay(): Promise<Figure[]> {
  const path = join(folder, "trace.jsonl");
  const shape = { rows, gapMs: 1000 / ratePerSec, blockTokens, maxBlocks: 4, maxOutputTokens: 8 };
  const sizeBytes = await writeMooncakeTrace(path, shape);
  const server = await startServer([]);
  let peaks: Peaks | undefined;
  const run = await runAssay(
    [
      ...["-m", "mock-model", "-u", server.url, "--input-file", path, "--custom-dataset-type", "mooncake_trace"],
      ...["--isl-block-size", String(blockTokens), "--fixed-schedule", "--pacing", pacing, "--no-gpu-telemetry"],
    ],
    {
      onStarted: (pid) => {
        peaks = watchPeaks(pid);
      },
    },
  );
  peaks?.stop();
  const { requests } = await server.stats();
  await server.stop();
  const what = `${rows} rows (${Math.round(sizeBytes / 1e6)} MB) at ${ratePerSec}/s, ${pacing}`;
  const figures = [...lateness(run, what), ...accounts(run, what, requests), ...memory(peaks, what)];
  run.discard();
  return figures;
}

function lateness({ folder, startNs }: FinishedRun, what: string): Figure[] {
  const db = openRun(folder);
  const { count } = db.prepare("SELECT count(*) AS count FROM requests WHERE due_ns IS NOT NULL").get() as { count: number };
  const lateMs = new Float64Array(count);
  let [firstDueNs, lastDueNs, firstSentNs] = [Number.POSITIVE_INFINITY, 0, Number.POSITIVE_INFINITY];
  let at = 0;
  const sent = db.prepare("SELECT due_ns AS dueNs, sent_ns AS sentNs FROM requests WHERE due_ns IS NOT NULL").iterate();
  for (const { dueNs, sentNs } of sent as Iterable<{ dueNs: number; sentNs: number }>) {
    lateMs[at++] = (sentNs - dueNs) / 1e6;
    firstDueNs = Math.min(firstDueNs, dueNs);
    lastDueNs = Math.max(lastDueNs, dueNs);
    firstSentNs = Math.min(firstSentNs, sentNs);
  }
  db.close();
  lateMs.sort();
  const atMost = (limit: number | undefined) => (limit === undefined ? undefined : ({ of: "figure", atMost: limit } as const));
  const late = { unit: "ms", bar: undefined };
  return [
    {
      ...late,
      figure: `${what}: lateness p50`,
      measured: percentile(lateMs, 0.5),
      bar: atMost(bar?.p50Ms),
      note: `${count} requests, ${((count - 1) / ((lastDueNs - firstDueNs) / 1e9)).toFixed(1)}/s scheduled`,
    },
    { ...late, figure: `${what}: lateness p99`, measured: percentile(lateMs, 0.99), bar: atMost(bar?.p99Ms) },
    { ...late, figure: `${what}: lateness, most`, measured: lateMs.at(-1) ?? Number.NaN },
    { figure: `${what}: until the first request is sent`, measured: (firstSentNs - startNs) / 1e9, unit: "s" },
  ];
}

interface Counts {
  readonly drawn: number;
  readonly unused: number;
  readonly dropped: number;
  readonly succeeded: number;
  readonly missing: number;
}

function accounts({ folder, exitCode }: FinishedRun, what: string, seen: number): Figure[] {
  const db = openRun(folder);
  const sql = `SELECT drawn, unused, dropped, succeeded, missing_record + missing_lost + unaccounted AS missing
    FROM phases WHERE name = 'profiling'`;
  const counts = db.prepare(sql).get() as Counts;
  const warmed = db.prepare("SELECT coalesce(sum(drawn - unused), 0) AS n FROM phases WHERE name != 'profiling'").get() as {
    n: number;
  };
  db.close();
  const { drawn, unused, dropped, succeeded, missing } = counts;
  return [
    {
      figure: `${what}: not as it should be`,
      measured: rows - succeeded + dropped + missing + Math.abs(seen - warmed.n - succeeded),
      unit: "",
      bar: { of: "figure", atMost: 0 },
      note: `exit code ${exitCode}; ${drawn - unused} sent, ${dropped} dropped, ${succeeded} succeeded, ${missing} missing, the server saw ${seen}`,
    },
  ];
}

function memory(peaks: Peaks | undefined, what: string): Figure[] {
  return [...(peaks?.mbByProcess ?? [])].map(([name, mb]) => ({
    figure: `${what}: most memory of ${name}`,
    measured: mb,
    unit: "MB",
  }));
}
