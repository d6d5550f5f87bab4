/** A metric record as the row of `requests` that it becomes. */
import type { MetricRecord } from "../../common/metric-record.ts";
import { stampEnds } from "../core/stamps.ts";
import { quoted, requestColumns } from "./schema.ts";

const FIXED_BEFORE_METRICS = requestColumns.length - 1;

/** The columns of a row with `metricTags`, as SQL, in the order of `bindRecord`. */
export function rowColumns(metricTags: readonly string[]): string[] {
  return [...requestColumns.slice(0, -1), ...metricTags.map(quoted), ...requestColumns.slice(-1)];
}

/** Their names. */
export function rowNames(metricTags: readonly string[]): string[] {
  return [...requestColumns.slice(0, -1), ...metricTags, ...requestColumns.slice(-1)];
}

/** Room for one row with `metricCount` metrics, to be filled by `bindRecord` again and again. */
export function rowBuffer(metricCount: number): unknown[] {
  return new Array<unknown>(FIXED_BEFORE_METRICS + metricCount + 1).fill(null);
}

/**
 * Fills `row` from `record`. Times become whole ns, since the tables are strict; a due time of 0 (as soon as a slot is free)
 * is no time and becomes NULL; so does NaN, which SQLite does not store.
 */
export function bindRecord(row: unknown[], record: MetricRecord, recordProcessorId: string): void {
  const ends = stampEnds(record.contentStamps);
  let at = 0;
  row[at++] = record.creditId;
  row[at++] = record.phase;
  row[at++] = record.conversation;
  row[at++] = record.turn;
  row[at++] = record.sessionId;
  row[at++] = record.sessionNum;
  row[at++] = record.parentSession ?? null;
  row[at++] = record.rootSession ?? null;
  row[at++] = record.agentDepth;
  row[at++] = record.requestId;
  row[at++] = record.correlationId;
  row[at++] = record.workerId;
  row[at++] = recordProcessorId;
  row[at++] = record.targetIndex;
  row[at++] = record.model;
  row[at++] = record.dueNs > 0 ? Math.round(record.dueNs) : null;
  row[at++] = Math.round(record.issuedNs);
  row[at++] = Math.round(record.receivedNs);
  row[at++] = Math.round(record.sentNs);
  row[at++] = Math.round(record.wallOffsetNs);
  row[at++] = wholeOrNull(record.firstByteNs);
  row[at++] = ends === undefined ? null : ends.firstNs;
  row[at++] = ends === undefined ? null : ends.lastNs;
  row[at++] = Math.round(record.endNs);
  row[at++] = record.status;
  row[at++] = record.error?.code ?? null;
  row[at++] = record.error?.phase ?? null;
  row[at++] = record.error?.message ?? null;
  row[at++] = record.isCancelled ? 1 : 0;
  row[at++] = wholeOrNull(record.cancelledNs);
  row[at++] = wholeOrNull(record.connectNs);
  row[at++] = record.isConnectionReused ? 1 : 0;
  row[at++] = record.isStreaming ? 1 : 0;
  row[at++] = record.requestBytes;
  row[at++] = record.responseBytes;
  row[at++] = record.coalescedChunks;
  row[at++] = record.finishReason ?? null;
  row[at++] = record.tokenSource;
  row[at++] = record.hasUsageMismatch ? 1 : 0;
  row[at++] = record.isStreamIgnored ? 1 : 0;
  row[at++] = record.requestedOutputTokens ?? null;
  row[at++] = wholeOrNull(record.blockedNs);
  row[at++] = wholeOrNull(record.dnsNs);
  row[at++] = wholeOrNull(record.tcpNs);
  row[at++] = wholeOrNull(record.tlsNs);
  row[at++] = wholeOrNull(record.writtenNs);
  row[at++] = record.localAddress === "" ? null : record.localAddress;
  row[at++] = record.remoteAddress === "" ? null : record.remoteAddress;
  row[at++] = record.rowGroup === "" ? null : record.rowGroup;
  const { check, values } = record;
  row[at++] = check?.isCorrect === undefined ? null : Number(check.isCorrect);
  row[at++] = check !== undefined && check.isCorrect === undefined ? 1 : null;
  row[at++] = check === undefined || check.reason === "" ? null : check.reason;
  row[at++] = check === undefined || check.answer === "" ? null : check.answer;
  for (let index = 0; index < values.length; index++) {
    const value = values[index] as number;
    row[at++] = Number.isNaN(value) ? null : value;
  }
  row[at] = record.contentStamps;
}

function wholeOrNull(ns: number | undefined): number | null {
  return ns === undefined ? null : Math.round(ns);
}
