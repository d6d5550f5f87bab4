/**
 * `profile_export.jsonl`: one line for each request of the measured phases, as AIPerf writes it. Moments are wall time in ns,
 * metrics as `{"value", "unit"}`, durations in ms; the gaps of a stream are a list.
 */
import { listMetrics, recordMetrics } from "../../../metrics/catalog.ts";
import type { ListMetric, RecordMetric } from "../../../metrics/metric.ts";
import { decodeStamps } from "../../common/chunk-stamps.ts";
import type { PhaseRow } from "../store/run-reader.ts";
import type { Exporter } from "./exporter.ts";

export const aiperfRecords: Exporter = {
  fileName: "profile_export.jsonl",
  write: ({ reader }, text) => {
    const measured = new Map(reader.phases().flatMap((phase) => (phase.kind === "profiling" ? [[phase.phase, phase]] : [])));
    for (const page of reader.pages([...COLUMNS, ...METRICS.map((metric) => metric.tag)], { pageRows: PAGE_ROWS })) {
      for (const values of page) {
        const row = rowOf(values);
        const phase = measured.get(row.phase);
        if (phase !== undefined) text(lineOf(row, phase, values));
      }
    }
  },
};

/** A page with the stamps of long answers still fits in a few MB. */
const PAGE_ROWS = 500;

const METRICS: readonly RecordMetric[] = recordMetrics.filter(isRecorded);
const LIST_METRICS: readonly ListMetric[] = listMetrics.filter(isRecorded);

function isRecorded({ flags = [] }: RecordMetric | ListMetric): boolean {
  return !flags.includes("internal") && !flags.includes("experimental") && !flags.includes("no_record");
}

const COLUMNS = [
  "phase",
  "conversation",
  "turn",
  "session_num",
  "request_id",
  "correlation_id",
  "worker_id",
  "record_processor_id",
  "issued_ns",
  "sent_ns",
  "wall_offset_ns",
  "first_byte_ns",
  "end_ns",
  "status",
  "error_code",
  "error_message",
  "is_cancelled",
  "cancelled_ns",
  "is_streaming",
  "content_stamps",
] as const;
/** The credit id stands before them. */
const METRICS_AT = COLUMNS.length + 1;

interface RequestRow {
  readonly phase: number;
  readonly conversation: number;
  readonly turn: number;
  readonly sessionNum: number;
  readonly requestId: string;
  readonly correlationId: string;
  readonly workerId: string;
  readonly recordProcessorId: string;
  readonly issuedNs: number;
  readonly sentNs: number;
  readonly wallOffsetNs: number;
  readonly firstByteNs: number | null;
  readonly endNs: number;
  readonly status: number;
  readonly errorCode: string | null;
  readonly errorMessage: string | null;
  readonly isCancelled: boolean;
  readonly cancelledNs: number | null;
  readonly isStreaming: boolean;
  readonly contentStamps: Uint8Array;
}

function rowOf(values: readonly unknown[]): RequestRow {
  return {
    phase: values[1] as number,
    conversation: values[2] as number,
    turn: values[3] as number,
    sessionNum: values[4] as number,
    requestId: values[5] as string,
    correlationId: values[6] as string,
    workerId: values[7] as string,
    recordProcessorId: values[8] as string,
    issuedNs: values[9] as number,
    sentNs: values[10] as number,
    wallOffsetNs: values[11] as number,
    firstByteNs: values[12] as number | null,
    endNs: values[13] as number,
    status: values[14] as number,
    errorCode: values[15] as string | null,
    errorMessage: values[16] as string | null,
    isCancelled: values[17] === 1,
    cancelledNs: values[18] as number | null,
    isStreaming: values[19] === 1,
    contentStamps: values[20] as Uint8Array,
  };
}

function lineOf(row: RequestRow, phase: PhaseRow, values: readonly unknown[]): string {
  return `{"metadata":${metadataOf(row, phase)},"metrics":${metricsOf(row, values)},"error":${errorOf(row)}}\n`;
}

/** Written by hand: a wall time in ns has more digits than a JS number keeps. */
function metadataOf(row: RequestRow, phase: PhaseRow): string {
  const wall = (afterSentNs: number | null) => {
    return afterSentNs === null ? "null" : wallText(row.sentNs + afterSentNs, row.wallOffsetNs);
  };
  const fields: readonly (readonly [key: string, json: string])[] = [
    ["session_num", String(row.sessionNum)],
    ["x_request_id", JSON.stringify(row.requestId)],
    ["x_correlation_id", JSON.stringify(row.correlationId)],
    ["conversation_id", `"${row.conversation}"`],
    ["turn_index", String(row.turn)],
    ["credit_issued_ns", wallText(row.issuedNs, row.wallOffsetNs)],
    ["request_start_ns", wall(0)],
    ["request_ack_ns", row.isStreaming ? wall(row.firstByteNs) : "null"],
    ["request_end_ns", wall(row.endNs)],
    ["worker_id", JSON.stringify(row.workerId)],
    ["record_processor_id", JSON.stringify(row.recordProcessorId)],
    ["benchmark_phase", JSON.stringify(phase.kind)],
    ["phase_index", String(phase.phase)],
    ["phase_name", JSON.stringify(phase.name)],
    ["phase_kind", JSON.stringify(phase.kind)],
    ["was_cancelled", String(row.isCancelled)],
    ["cancellation_time_ns", wall(row.cancelledNs)],
    ["agent_depth", "0"],
  ];
  return `{${fields.map(([key, json]) => `"${key}":${json}`).join(",")}}`;
}

function metricsOf(row: RequestRow, values: readonly unknown[]): string {
  const isFailure = row.isCancelled || row.errorCode !== null;
  const metrics: Record<string, { value: number | number[]; unit: string }> = {};
  for (const [index, { tag, unit, isOfFailures }] of METRICS.entries()) {
    const value = values[METRICS_AT + index];
    if (typeof value === "number" && (!isFailure || isOfFailures === true)) metrics[tag] = { value, unit };
  }
  for (const { tag, unit, values: listOf } of isFailure ? [] : LIST_METRICS) {
    const list = listOf(decodeStamps(row.contentStamps));
    if (list.length > 0) metrics[tag] = { value: [...list], unit };
  }
  return JSON.stringify(metrics);
}

/** AIPerf's code for a request that was cancelled. */
const CANCELLED_STATUS = 499;

function errorOf({ errorCode, errorMessage, status, isCancelled }: RequestRow): string {
  if (errorCode === null && !isCancelled) return "null";
  const code = isCancelled ? CANCELLED_STATUS : status === 0 ? null : status;
  return JSON.stringify({ code, type: errorCode ?? "cancelled", message: errorMessage ?? "" });
}

function wallText(ns: number, wallOffsetNs: number): string {
  return String(BigInt(Math.round(ns)) + BigInt(wallOffsetNs));
}
