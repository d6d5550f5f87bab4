/** Metric records with known figures. */
import { recordMetrics } from "../../../metrics/catalog.ts";
import { encodeStamps } from "../../../services/common/chunk-stamps.ts";
import type { MetricRecord } from "../../../services/common/metric-record.ts";

export const METRIC_TAGS = recordMetrics.map((metric) => metric.tag);
/** Suite time at which the runs of these tests begin: an uptime of 30 days, in ns above 2^51. */
export const START_NS = 30 * 86_400e9;
/** 2026-01-01T00:00:00Z minus that, in whole units of what a double holds there. */
export const WALL_OFFSET_NS = 1_767_225_600e9 - START_NS;

export interface RecordOverrides extends Partial<MetricRecord> {
  /** Values by tag; what is not named does not apply. */
  readonly metrics?: Readonly<Record<string, number>>;
  /** Content stamps, ms after sent. */
  readonly contentMs?: readonly number[];
}

/** A streamed success: chunks at 10, 20 and 40 ms, sent 100 ms after the request with the id before. */
export function record(creditId: number, overrides: RecordOverrides = {}): MetricRecord {
  const { metrics, contentMs = [10, 20, 40], ...rest } = overrides;
  const sentNs = START_NS + creditId * 100e6;
  return {
    creditId,
    phase: 0,
    conversation: creditId,
    turn: 0,
    sessionId: creditId + 1,
    sessionNum: creditId,
    parentSession: undefined,
    rootSession: undefined,
    agentDepth: 0,
    requestId: `request-${creditId}`,
    correlationId: `session-${creditId}`,
    workerId: "worker-1",
    targetIndex: 0,
    model: "m",
    dueNs: 0,
    issuedNs: sentNs - 2e6,
    receivedNs: sentNs - 1e6,
    sentNs,
    wallOffsetNs: WALL_OFFSET_NS,
    firstByteNs: 9e6,
    endNs: 41e6,
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
    requestBytes: 512,
    responseBytes: 2048,
    requestedOutputTokens: undefined,
    status: 200,
    error: undefined,
    values: valuesOf(metrics ?? { time_to_first_token: 10, request_latency: 40, output_sequence_length: 3 }),
    contentStamps: encodeStamps(Float64Array.from(contentMs, (ms) => ms * 1e6)),
    finishReason: "stop",
    coalescedChunks: 0,
    tokenSource: "usage",
    hasUsageMismatch: false,
    isStreamIgnored: false,
    check: undefined,
    ...rest,
  };
}

export function failed(creditId: number, overrides: RecordOverrides = {}): MetricRecord {
  const error = { code: "http_5xx", phase: "wait", message: "503 overloaded" } as const;
  return record(creditId, {
    status: 503,
    error,
    metrics: {},
    contentMs: [],
    finishReason: undefined,
    tokenSource: "none",
    ...overrides,
  });
}

export function cancelled(creditId: number): MetricRecord {
  const error = { code: "cancelled", phase: "stream", message: "cancelled after 30 ms" } as const;
  return record(creditId, { error, isCancelled: true, cancelledNs: 30e6, endNs: 30e6, metrics: {}, contentMs: [10, 20] });
}

function valuesOf(metrics: Readonly<Record<string, number>>): Float64Array {
  return Float64Array.from(METRIC_TAGS, (tag) => metrics[tag] ?? Number.NaN);
}
