/**
 * Writes a finished run of so many requests, as the records-manager would have: `node bench/support/stored-run.ts FOLDER ROWS`. An open loop
 * of 5000 requests per second on four workers; nine of ten stream an answer of 8 to 72 chunks, some fail. Says on standard output, as JSON,
 * what it took.
 */
import { statSync } from "node:fs";
import { join } from "node:path";
import { recordMetrics } from "../../metrics/catalog.ts";
import type { RequestFacts } from "../../metrics/metric.ts";
import { encodeStamps } from "../../services/common/chunk-stamps.ts";
import type { MetricRecord } from "../../services/common/metric-record.ts";
import { type RandomStream, randomStream } from "../../services/common/random.ts";
import { RunStore } from "../../services/records-manager/store/run-store.ts";

/** What writing took. */
export interface StoredRun {
  readonly rows: number;
  readonly sec: number;
  /** In the store: inserts and commits. */
  readonly storeCpuUs: number;
  readonly closeSec: number;
  readonly sizeBytes: number;
}

const startNs = 30 * 86_400e9;
const wallOffsetNs = 1.7672256e18;
const ratePerSec = 5_000;
const rowsATransaction = 500;

/** An empty run in `folder`. */
export function createRun(folder: string): RunStore {
  const header = {
    runId: "bench",
    spec: JSON.stringify({ endpoint: { model: "model", streaming: true }, phases: [{ name: "profiling" }] }),
    createdWallNs: wallOffsetNs + startNs,
    suiteWallOffsetNs: wallOffsetNs,
    versions: { assay: "bench" },
    phases: [{ phase: 0, name: "profiling", kind: "profiling", hasCeiling: false }] as const,
  };
  return RunStore.create(folder, header, { metricTags: recordMetrics.map(({ tag }) => tag) });
}

/** Puts the records in and commits them. */
export function insertAll(store: RunStore, records: readonly MetricRecord[]): void {
  for (const record of records) {
    store.insert({ phase: 0, creditId: record.creditId, record, recordProcessorId: "record-processor-1" });
  }
  store.commit();
}

/** The records of a run, by ascending credit id. */
export function* plausibleRecords(): Generator<MetricRecord, never> {
  const random = randomStream(7, "bench", "records");
  let dueNs = startNs;
  for (let creditId = 0; ; creditId++) {
    dueNs += Math.round((random.exponential() * 1e9) / ratePerSec);
    yield recordOf(creditId, dueNs, random);
  }
}

function recordOf(creditId: number, dueNs: number, random: RandomStream): MetricRecord {
  const isFailed = random.below(200) === 0;
  const chunks = isFailed ? 0 : 8 + random.below(65);
  const contentNs = new Float64Array(chunks);
  let ns = Math.round(80e6 * Math.exp(0.5 * random.normal()));
  for (let index = 0; index < chunks; index++) {
    contentNs[index] = ns;
    ns += Math.round(12e6 * Math.exp(0.3 * random.normal()));
  }
  const sentNs = dueNs + Math.round(40_000 * random.exponential());
  const endNs = (contentNs[chunks - 1] ?? 15e6) + 200_000;
  const requestBytes = 900 + random.below(4000);
  const facts = factsOf({
    contentNs,
    endNs,
    dueNs: dueNs - sentNs,
    isFailed,
    requestBytes,
    inputTokens: 100 + random.below(900),
  });
  const id = String(creditId).padStart(12, "0");
  return {
    creditId,
    phase: 0,
    conversation: creditId % 10_000,
    turn: 0,
    sessionId: creditId + 1,
    sessionNum: creditId,
    parentSession: undefined,
    rootSession: undefined,
    agentDepth: 0,
    requestId: `0f0e0d0c-0b0a-4908-8706-${id}`,
    correlationId: `1f0e0d0c-0b0a-4908-8706-${id}`,
    workerId: `worker-${1 + random.below(4)}`,
    targetIndex: 0,
    model: "model",
    dueNs,
    issuedNs: dueNs - 20e6,
    receivedNs: dueNs - 19e6,
    sentNs,
    wallOffsetNs,
    firstByteNs: facts.firstByteNs,
    endNs,
    connectNs: undefined,
    blockedNs: undefined,
    dnsNs: undefined,
    tcpNs: undefined,
    tlsNs: undefined,
    writtenNs: facts.writtenNs,
    localAddress: "",
    remoteAddress: "",
    rowGroup: "",
    isConnectionReused: true,
    isStreaming: true,
    isCancelled: false,
    cancelledNs: undefined,
    requestBytes,
    responseBytes: facts.responseBytes,
    requestedOutputTokens: undefined,
    status: isFailed ? 503 : 200,
    error: isFailed ? { code: "http_5xx", phase: "wait", message: "503 overloaded" } : undefined,
    values: recordMetrics.map((metric) => {
      return isFailed && metric.isOfFailures !== true ? Number.NaN : (metric.value(facts) ?? Number.NaN);
    }),
    contentStamps: encodeStamps(contentNs),
    finishReason: isFailed ? undefined : "stop",
    coalescedChunks: 0,
    tokenSource: isFailed ? "none" : "usage",
    hasUsageMismatch: false,
    isStreamIgnored: false,
    check: undefined,
  };
}

type OwnFacts = Pick<RequestFacts, "contentNs" | "endNs" | "dueNs" | "isFailed" | "requestBytes" | "inputTokens">;

function factsOf(own: OwnFacts): RequestFacts {
  const { contentNs, inputTokens = 0, isFailed } = own;
  const tokens = contentNs.length;
  const usage = { promptTokens: inputTokens, completionTokens: tokens, totalTokens: inputTokens + tokens };
  return {
    ...own,
    issuedNs: -20e6,
    firstByteNs: isFailed ? 15e6 : (contentNs[0] as number) - 150_000,
    firstOutputNs: contentNs[0],
    firsts: undefined,
    isStreaming: true,
    outputTokens: isFailed ? undefined : tokens,
    reasoningTokens: undefined,
    choices: 1,
    outputs: undefined,
    requestedOutputTokens: undefined,
    usage: isFailed ? undefined : { ...usage, reasoningTokens: undefined, cachedPromptTokens: undefined },
    counted: undefined,
    specDecode: undefined,
    inferences: undefined,
    serverTimes: undefined,
    images: undefined,
    audioSeconds: undefined,
    videoInferenceSec: undefined,
    videoPeakMemoryMb: undefined,
    responseBytes: 400 + 190 * tokens,
    blockedNs: undefined,
    connectNs: undefined,
    dnsNs: undefined,
    isConnectionReused: true,
    writtenNs: 30_000 + own.requestBytes,
    firstReadNs: contentNs[0],
    lastReadNs: contentNs[tokens - 1],
    bodyReads: tokens,
  };
}

function write(folder: string, rows: number): StoredRun {
  const store = createRun(folder);
  const records = plausibleRecords();
  const startMs = performance.now();
  let storeCpuUs = 0;
  for (let left = rows; left > 0; left -= rowsATransaction) {
    const batch = Array.from({ length: Math.min(left, rowsATransaction) }, () => records.next().value);
    const before = process.cpuUsage();
    insertAll(store, batch);
    const { user, system } = process.cpuUsage(before);
    storeCpuUs += user + system;
  }
  const closeMs = performance.now();
  store.close();
  const now = performance.now();
  const sizeBytes = statSync(join(folder, "run.db")).size;
  return { rows, sec: (now - startMs) / 1000, storeCpuUs, closeSec: (now - closeMs) / 1000, sizeBytes };
}

if (import.meta.main) {
  const [folder = "", rows = ""] = process.argv.slice(2);
  process.stdout.write(JSON.stringify(write(folder, Number(rows))));
}
