/**
 * Rows of a run that three records-managers share: `node bench/shards.ts [rows]`. What it costs to bring their files into one behind the run, beside what it costs to
 * ask for the summary of several files, and what each costs afterwards. In CPU time: other work on the machine counts little.
 */
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { recordMetrics } from "../metrics/catalog.ts";
import { shardFolderName, shardOf } from "../services/common/record-shard.ts";
import { mergeShards } from "../services/records-manager/store/merge-shards.ts";
import { RunStore } from "../services/records-manager/store/run-store.ts";
import { summarizeRun } from "../services/records-manager/summary.ts";
import { machineLine } from "./support/assay.ts";
import { type Figure, reportFigures } from "./support/figures.ts";
import { plausibleRecords } from "./support/stored-run.ts";

const rows = Number(process.argv[2] ?? 100_000);
const shards = 3;
const rowsATransaction = 500;

const header = (otherShards: number) => ({
  runId: "bench",
  spec: JSON.stringify({ endpoint: { model: "model", streaming: true }, phases: [{ name: "profiling" }] }),
  createdWallNs: 1.7672256e18,
  suiteWallOffsetNs: 1.7672256e18,
  versions: { assay: "bench" },
  otherShards,
  phases: [{ phase: 0, name: "profiling", kind: "profiling", hasCeiling: false }] as const,
});

/** Writes the rows into so many files; the CPU time in the stores, in µs. */
function write(folder: string, count: number): number {
  const stores = Array.from({ length: count }, (_, shard) => {
    const own = shard === 0 ? folder : join(folder, shardFolderName(shard));
    return RunStore.create(own, header(shard === 0 ? count - 1 : 0), { metricTags: recordMetrics.map(({ tag }) => tag) });
  });
  const records = plausibleRecords();
  let cpuUs = 0;
  for (let at = 0; at < rows; at += rowsATransaction) {
    const batch = Array.from({ length: Math.min(rowsATransaction, rows - at) }, () => records.next().value);
    cpuUs += cpuOf(() => {
      for (const record of batch) {
        const { phase, creditId } = record;
        stores[shardOf(creditId, count)]?.insert({ phase, creditId, record, recordProcessorId: "record-processor-1" });
      }
      for (const store of stores) store.commit();
    });
  }
  for (const store of stores) store.close();
  return cpuUs;
}

function cpuOf(work: () => unknown): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

function sizeOf(folder: string): number {
  return statSync(join(folder, "run.db")).size / rows;
}

process.stdout.write(machineLine());
const [one, several] = [1, shards].map((count) => mkdtempSync(join(tmpdir(), `assay-bench-shards-${count}-`))) as [
  string,
  string,
];
try {
  const insertUs = write(one, 1) / rows;
  write(several, shards);
  const ofOne = cpuOf(() => summarizeRun(one)) / 1e6;
  const ofSeveral = cpuOf(() => summarizeRun(several)) / 1e6;
  const startMs = performance.now();
  const mergeUs = cpuOf(() => mergeShards(several));
  const perSec = (rows * 1e3 * (shards - 1)) / shards / (performance.now() - startMs);
  const ofMerged = cpuOf(() => summarizeRun(several)) / 1e6;
  const perRow = (mergeUs * shards) / (shards - 1) / rows;
  const figures: Figure[] = [
    { figure: "insert and commit: CPU a row", measured: insertUs, unit: "µs" },
    {
      figure: "into one file behind the run: CPU a row that moves",
      measured: perRow,
      unit: "µs",
      beside: { what: "insert", value: insertUs },
      bar: { of: "ratio", atMost: 0.5 },
    },
    { figure: "into one file behind the run: rows that move", measured: perSec, unit: "/s" },
    {
      figure: `summary of ${rows} rows in ${shards} files: CPU`,
      measured: ofSeveral,
      unit: "s",
      beside: { what: "one file", value: ofOne },
    },
    {
      figure: `summary of ${rows} rows brought into one: CPU`,
      measured: ofMerged,
      unit: "s",
      beside: { what: "one file", value: ofOne },
      bar: { of: "ratio", atMost: 1.15 },
    },
    { figure: "size of a row", measured: sizeOf(several), unit: "B", beside: { what: "one file", value: sizeOf(one) } },
  ];
  reportFigures("shards", figures);
} finally {
  for (const folder of [one, several]) rmSync(folder, { recursive: true, force: true });
}
