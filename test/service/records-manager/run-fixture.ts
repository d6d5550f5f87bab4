/** Runs with known figures, in temporary folders. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeStamps } from "../../../services/common/chunk-stamps.ts";
import { AssayError } from "../../../services/common/errors.ts";
import type { MetricRecord, RawAnswer } from "../../../services/common/metric-record.ts";
import type { RunHeader } from "../../../services/records-manager/core/rows.ts";
import { queryRecords, type RecordsQuery } from "../../../services/records-manager/query-records.ts";
import { RunStore, type RunStoreOptions } from "../../../services/records-manager/store/run-store.ts";
import { METRIC_TAGS, START_NS, WALL_OFFSET_NS } from "../../unit/records-manager/records.ts";

export interface RunFolder {
  readonly folder: string;
  readonly remove: () => void;
}

export function temporaryFolder(): RunFolder {
  const folder = mkdtempSync(join(tmpdir(), "assay-run-"));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

export function header(overrides: Partial<RunHeader> = {}): RunHeader {
  return {
    runId: "run-1",
    spec: JSON.stringify({ endpoint: { model: "m" }, phases: [{ name: "profiling" }] }),
    createdWallNs: START_NS + WALL_OFFSET_NS - 1e9,
    suiteWallOffsetNs: WALL_OFFSET_NS,
    versions: { assay: "0.1.0", commit: "1f33c05" },
    phases: [{ phase: 0, name: "profiling", kind: "profiling", hasCeiling: false }],
    ...overrides,
  };
}

export function createStore(
  folder: string,
  overrides: Partial<RunHeader> = {},
  options: Partial<RunStoreOptions> = {},
): RunStore {
  return RunStore.create(folder, header(overrides), { metricTags: METRIC_TAGS, ...options });
}

export function openStore(folder: string): RunStore {
  return RunStore.open(folder, { metricTags: METRIC_TAGS });
}

/** Puts records in and commits them, with what is kept of some by credit id. Returns which were new. */
export function insertAll(
  store: RunStore,
  records: readonly MetricRecord[],
  kept: ReadonlyMap<number, RawAnswer> = new Map(),
): boolean[] {
  const inserted = records.map((record) => {
    const { phase, creditId } = record;
    return store.insert({ phase, creditId, record, recordProcessorId: "record-processor-1", raw: kept.get(creditId) });
  });
  store.commit();
  return inserted;
}

/** As `queryRecords`, each row as an object of the fields that have a value; stamps in ns after sent. */
export function recordsOf(query: RecordsQuery) {
  const { fields, rows, nextPageToken } = queryRecords(query);
  const records = rows.map((row) => {
    const values = fields.map((field, index) => [field, row[index + 1] ?? null] as const);
    const known = values.filter(([, value]) => value !== null);
    return Object.fromEntries(known.map(([field, value]) => [field, value instanceof Uint8Array ? decodeStamps(value) : value]));
  });
  return { records, nextPageToken };
}

/** What work must throw. */
export function errorOf(work: () => unknown): AssayError {
  try {
    work();
  } catch (error) {
    if (error instanceof AssayError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

/** Has another process write a run, and kills it once it has committed `rows`. Returns how many it had said by then. */
export async function writeUntilKilled(folder: string, rows: number): Promise<number> {
  const program = join(import.meta.dirname, "killed-writer.ts");
  const writer = spawn(process.execPath, [program, folder], { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(writer, "exit");
  let committed = 0;
  try {
    for await (const text of writer.stdout.setEncoding("utf8")) {
      committed = Math.max(committed, ...String(text).trim().split("\n").map(Number));
      if (committed >= rows) break;
    }
  } finally {
    writer.kill("SIGKILL");
    await exited;
  }
  return committed;
}
