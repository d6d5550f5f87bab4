/**
 * What storing, summarising and exporting records costs: `node bench/store.ts [rows]`. Every metric has a value, stamps take
 * 600 bytes, transactions hold 500 rows; the folder is in the system's temporary folder.
 */
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Table from "cli-table3";
import { recordMetrics } from "../metrics/catalog.ts";
import { encodeStamps } from "../services/common/chunk-stamps.ts";
import type { MetricRecord } from "../services/common/metric-record.ts";
import { exportRun } from "../services/records-manager/exports/export-run.ts";
import { RunStore } from "../services/records-manager/store/run-store.ts";
import { summarizeRun } from "../services/records-manager/summary.ts";
import { addFigures } from "./support/figures.ts";

const ROWS = Number(process.argv[2] ?? 100_000);
const ROWS_A_TRANSACTION = 500;
const START_NS = 30 * 86_400e9;
/** The bar: rows/s of insert and commit. */
const INSERT_BAR = 60_000;
/** Chunks 1 ms apart make two bytes each. */
const STAMPS = encodeStamps(Float64Array.from({ length: 300 }, (_, index) => 20e6 + index * 1e6));

function recordOf(creditId: number): MetricRecord {
  const sentNs = START_NS + creditId * 1e5;
  return {
    creditId,
    phase: 0,
    conversation: creditId % 1000,
    turn: 0,
    sessionId: creditId,
    sessionNum: creditId,
    parentSession: undefined,
    rootSession: undefined,
    agentDepth: 0,
    requestId: `0f0e0d0c-0b0a-4908-8706-${String(creditId).padStart(12, "0")}`,
    correlationId: `1f0e0d0c-0b0a-4908-8706-${String(creditId).padStart(12, "0")}`,
    workerId: "worker-1",
    targetIndex: 0,
    model: "model",
    dueNs: sentNs - 1e5,
    issuedNs: sentNs - 1e7,
    receivedNs: sentNs - 9e6,
    sentNs,
    wallOffsetNs: 1.7672256e18,
    firstByteNs: 19e6,
    endNs: 320e6,
    connectNs: undefined,
    blockedNs: undefined,
    dnsNs: undefined,
    tcpNs: undefined,
    tlsNs: undefined,
    writtenNs: undefined,
    localAddress: "",
    remoteAddress: "",
    rowGroup: "",
    isConnectionReused: true,
    isStreaming: true,
    isCancelled: false,
    cancelledNs: undefined,
    requestBytes: 500,
    responseBytes: 60_000,
    requestedOutputTokens: 300,
    status: 200,
    error: undefined,
    values: Float64Array.from(recordMetrics, (_, index) => ((creditId * 7919 + index * 104_729) % 100_003) / 7),
    contentStamps: STAMPS,
    finishReason: "stop",
    coalescedChunks: 0,
    tokenSource: "usage",
    hasUsageMismatch: false,
    isStreamIgnored: false,
    check: undefined,
  };
}

/** Time and CPU time spent in the store, and the longest transaction. */
function insertAll(store: RunStore): { sec: number; cpuSec: number; longestMs: number } {
  let totalMs = 0;
  let longestMs = 0;
  let cpuUs = 0;
  for (let first = 0; first < ROWS; first += ROWS_A_TRANSACTION) {
    const batch = Array.from({ length: ROWS_A_TRANSACTION }, (_, index) => recordOf(first + index));
    const cpu = process.cpuUsage();
    const start = performance.now();
    for (const record of batch)
      store.insert({ phase: 0, creditId: record.creditId, record, recordProcessorId: "record-processor-1" });
    store.commit();
    const ms = performance.now() - start;
    totalMs += ms;
    const used = process.cpuUsage(cpu);
    cpuUs += used.user + used.system;
    longestMs = Math.max(longestMs, ms);
  }
  return { sec: totalMs / 1000, cpuSec: cpuUs / 1e6, longestMs };
}

function seconds(work: () => unknown): number {
  const start = performance.now();
  work();
  return (performance.now() - start) / 1000;
}

const folder = mkdtempSync(join(tmpdir(), "assay-bench-store-"));
try {
  const store = RunStore.create(
    folder,
    {
      runId: "bench",
      spec: "{}",
      createdWallNs: 1.7672256e18,
      suiteWallOffsetNs: 1.7672256e18 - START_NS,
      versions: { assay: "bench" },
      phases: [{ phase: 0, name: "profiling", kind: "profiling", hasCeiling: false }],
    },
    { metricTags: recordMetrics.map((metric) => metric.tag) },
  );
  const { sec, cpuSec, longestMs } = insertAll(store);
  const closeSec = seconds(() => store.close());
  const sizeMb = statSync(join(folder, "run.db")).size / 1e6;
  const summarySec = seconds(() => summarizeRun(folder));
  const exportSec = seconds(() => exportRun({ folder, names: ["aiperf-jsonl"] }));
  const table = new Table({ head: ["what", "figure", "limit", "ratio"] });
  const rate = ROWS / sec;
  table.push(
    [
      `insert + commit, ${STAMPS.length} B of stamps, ${recordMetrics.length} metrics`,
      `${Math.round(rate)} rows/s`,
      INSERT_BAR,
      (rate / INSERT_BAR).toFixed(2),
    ],
    ["CPU of insert + commit", `${((cpuSec * 1e6) / ROWS).toFixed(1)} us/row`, "", ""],
    ["longest transaction", `${longestMs.toFixed(1)} ms`, "", ""],
    ["close", `${closeSec.toFixed(2)} s`, "", ""],
    ["size", `${((sizeMb * 1e6) / ROWS).toFixed(0)} B/row`, "", ""],
    [`summary of ${ROWS} rows`, `${summarySec.toFixed(2)} s`, "", ""],
    ["profile_export.jsonl", `${exportSec.toFixed(2)} s`, "", ""],
    ["memory at the end (peak)", `${Math.round(process.resourceUsage().maxRSS / 1024)} MB`, "", ""],
  );
  console.log(table.toString());
  addFigures("store", [
    { figure: "rows inserted and committed", measured: rate, unit: "/s", bar: { of: "figure", atLeast: INSERT_BAR } },
    { figure: "CPU of insert and commit", measured: (cpuSec * 1e6) / ROWS, unit: "µs/row" },
    { figure: `summary of ${ROWS} rows`, measured: summarySec, unit: "s" },
  ]);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
