/**
 * `profile_export.jsonl`: one line for each request, warm-up included, as AIPerf 0.13 writes it. Moments are wall time in ns, metrics as
 * `{"value", "unit"}`, durations in ms; the gaps of a stream are a list. What does not apply is left out; `error` is there only where
 * the request failed, and `trace_data` only where the run asks for traces.
 */
import { listMetrics, recordMetrics } from "../../../metrics/catalog.ts";
import { goodRequestCount } from "../../../metrics/good-request-count.ts";
import type { ListMetric, MetricUnit, RecordMetric } from "../../../metrics/metric.ts";
import { decodeStamps } from "../../common/chunk-stamps.ts";
import { sessionUuid } from "../../common/session-uuid.ts";
import { isGood, requestObjectives } from "../core/objectives.ts";
import { type PhaseRow, READS_COLUMN } from "../store/run-reader.ts";
import { aiperfError } from "./aiperf-error.ts";
import type { Exporter } from "./exporter.ts";
import { floatText, jsonText } from "./json-text.ts";
import { sessionId } from "./session-id.ts";
import { traceColumns, traceRowOf, traceText } from "./trace-data.ts";

export const aiperfRecords: Exporter = ({ reader, spec }, text) => {
  const traced = spec.output?.exportHttpTrace === true ? [...traceColumns, READS_COLUMN] : [];
  const ends = phaseEnds(reader.phases());
  const names = reader.conversationNames();
  const { runId, spec: stored } = reader.run();
  const objectives = requestObjectives(stored);
  const wanted = [...METRICS, ...objectives].map(({ tag }) => tag);
  const objectivesAt = METRICS_AT + METRICS.length;
  const tracesAt = METRICS_AT + wanted.length;
  for (const page of reader.pages([...COLUMNS, ...wanted, ...traced], { pageRows: PAGE_ROWS })) {
    for (const values of page) {
      const row = rowOf(values);
      const phase = ends.get(row.phase);
      if (phase === undefined) continue;
      const trace = traced.length === 0 ? "" : `,"trace_data":${traceOf(row, values.slice(tracesAt))}`;
      const isMet = objectives.length === 0 ? undefined : isGood(objectives, (index) => values[objectivesAt + index]);
      text(lineOf({ row, place: { conversationId: sessionId(row.conversation, names), runId }, phase, isMet, trace }, values));
    }
  }
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
  "parent_session",
  "root_session",
  "agent_depth",
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
  "error_phase",
  "error_message",
  "is_cancelled",
  "cancelled_ns",
  "content_stamps",
] as const;
/** The credit id stands before them. */
const METRICS_AT = COLUMNS.length + 1;

interface RequestRow {
  readonly phase: number;
  readonly conversation: number;
  readonly turn: number;
  readonly sessionNum: number;
  readonly parentSession: number | null;
  readonly rootSession: number | null;
  readonly agentDepth: number;
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
  readonly errorPhase: string | null;
  readonly errorMessage: string | null;
  readonly isCancelled: boolean;
  readonly cancelledNs: number | null;
  readonly contentStamps: Uint8Array;
}

function rowOf(values: readonly unknown[]): RequestRow {
  return {
    phase: values[1] as number,
    conversation: values[2] as number,
    turn: values[3] as number,
    sessionNum: values[4] as number,
    parentSession: values[5] as number | null,
    rootSession: values[6] as number | null,
    // Files from before sessions began others do not have it.
    agentDepth: (values[7] as number | null) ?? 0,
    requestId: values[8] as string,
    correlationId: values[9] as string,
    workerId: values[10] as string,
    recordProcessorId: values[11] as string,
    issuedNs: values[12] as number,
    sentNs: values[13] as number,
    wallOffsetNs: values[14] as number,
    firstByteNs: values[15] as number | null,
    endNs: values[16] as number,
    status: values[17] as number,
    errorCode: values[18] as string | null,
    errorPhase: values[19] as string | null,
    errorMessage: values[20] as string | null,
    isCancelled: values[21] === 1,
    cancelledNs: values[22] as number | null,
    contentStamps: values[23] as Uint8Array,
  };
}

/** The keys of a phase, the same in each of its lines, from `benchmark_phase` to `phase_kind`. */
function phaseEnds(phases: readonly PhaseRow[]): ReadonlyMap<number, string> {
  const measured = phases.filter(({ kind }) => kind === "profiling");
  return new Map(
    phases.map((phase) => {
      const profilingIndex = measured.indexOf(phase);
      const keys = jsonText({
        benchmark_phase: phase.kind,
        phase_index: phase.phase,
        profiling_index: profilingIndex < 0 ? undefined : profilingIndex,
        phase_name: phase.name,
        phase_kind: phase.kind,
      });
      return [phase.phase, keys.slice(1, -1)];
    }),
  );
}

interface LineParts {
  readonly row: RequestRow;
  readonly place: Place;
  /** The keys of its phase. */
  readonly phase: string;
  /** It met every objective for a request; undefined: there are none. */
  readonly isMet: boolean | undefined;
  /** The key of its trace; empty: none. */
  readonly trace: string;
}

/** Written by hand, from parts that many lines share: a run may have millions of them. */
function lineOf({ row, place, phase, isMet, trace }: LineParts, values: readonly unknown[]): string {
  const error = hasFailed(row) ? `,"error":${errorOf(row)}` : "";
  return `{"metadata":${metadataOf(row, place, phase)},"metrics":${metricsOf(row, values, isMet)}${trace}${error}}\n`;
}

function hasFailed({ errorCode, isCancelled }: RequestRow): boolean {
  return isCancelled || errorCode !== null;
}

/** `values`: the columns of traces alone. */
function traceOf(row: RequestRow, values: readonly unknown[]): string {
  const { sentNs, wallOffsetNs, firstByteNs, endNs, status } = row;
  const reads = values[traceColumns.length] as Uint8Array | null;
  const trace = traceRowOf(values, { reads, firstByteNs, endNs, status, hasFailed: hasFailed(row) });
  return traceText(trace, (afterSentNs) => wallText(sentNs + afterSentNs, wallOffsetNs));
}

/** What a line says beside its row. */
interface Place {
  readonly conversationId: string;
  readonly runId: string;
}

function metadataOf(row: RequestRow, { conversationId, runId }: Place, phase: string): string {
  const correlationId = JSON.stringify(row.correlationId);
  const idOf = (session: number): string => JSON.stringify(sessionUuid(runId, row.phase, session));
  const parent = row.parentSession === null ? "" : `,"parent_correlation_id":${idOf(row.parentSession)}`;
  const root = row.rootSession === null ? correlationId : idOf(row.rootSession);
  // A wall time in ns has more digits than a JS number keeps.
  const moment = (key: string, afterSentNs: number | null): string =>
    afterSentNs === null ? "" : `,"${key}":${wallText(row.sentNs + afterSentNs, row.wallOffsetNs)}`;
  return [
    `{"session_num":${row.sessionNum},"x_request_id":${JSON.stringify(row.requestId)},"x_correlation_id":${correlationId}`,
    `,"conversation_id":${JSON.stringify(conversationId)},"turn_index":${row.turn}`,
    moment("credit_issued_ns", row.issuedNs - row.sentNs),
    moment("request_start_ns", 0),
    moment("request_ack_ns", row.firstByteNs),
    moment("request_end_ns", row.endNs),
    `,"worker_id":${JSON.stringify(row.workerId)},"record_processor_id":${JSON.stringify(row.recordProcessorId)},${phase}`,
    `,"was_cancelled":${row.isCancelled}`,
    moment("cancellation_time_ns", row.cancelledNs),
    `,"context_overflow_skip":false,"agent_depth":${row.agentDepth}${parent},"root_correlation_id":${root}}`,
  ].join("");
}

function metricsOf(row: RequestRow, values: readonly unknown[], isMet: boolean | undefined): string {
  const isFailure = hasFailed(row);
  let text = "";
  const add = (tag: string, value: string, unit: string): void => {
    text += `${text === "" ? "" : ","}"${tag}":{"value":${value},"unit":"${unit}"}`;
  };
  for (let index = 0; index < METRICS.length; index++) {
    const { tag, unit, isOfFailures } = METRICS[index] as RecordMetric;
    const value = values[METRICS_AT + index];
    if (typeof value !== "number" || (isFailure && isOfFailures !== true)) continue;
    add(tag, COUNTED_UNITS.has(unit) ? String(value) : floatText(value), unit);
  }
  for (const { tag, unit, values: listOf } of isFailure ? [] : LIST_METRICS) {
    const list = listOf(decodeStamps(row.contentStamps));
    if (list.length > 0) add(tag, `[${Array.from(list, floatText).join(",")}]`, unit);
  }
  if (isMet !== undefined && !isFailure) add(goodRequestCount.tag, isMet ? "1" : "0", goodRequestCount.unit);
  return `{${text}}`;
}

/** Values of one request in these units are integers, and written as such. */
const COUNTED_UNITS: ReadonlySet<string> = new Set(["tokens", "count", "requests"] satisfies MetricUnit[]);

function errorOf({ errorCode, errorPhase, errorMessage, status, isCancelled }: RequestRow): string {
  const failure = { code: errorCode ?? "cancelled", phase: errorPhase ?? "", message: errorMessage ?? "", status, isCancelled };
  return jsonText(aiperfError(failure));
}

function wallText(ns: number, wallOffsetNs: number): string {
  return String(BigInt(Math.round(ns)) + BigInt(wallOffsetNs));
}
