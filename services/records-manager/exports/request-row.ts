/** One request as AIPerf's files of records describe it: its row, and the texts that are the same in each of them. */
import { sessionUuid } from "../../common/session-uuid.ts";
import type { PhaseRow } from "../store/run-rows.ts";
import { aiperfError } from "./aiperf-error.ts";
import { jsonText } from "./json-text.ts";

/** What `rowOf` reads, in its order; the credit id stands before them. */
export const ROW_COLUMNS = [
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
  "is_correct",
  "check_reason",
  "answer",
] as const;

export interface RequestRow {
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
  /** Null: not checked. */
  readonly isCorrect: boolean | null;
  readonly checkReason: string | null;
  readonly answer: string | null;
}

/** @param values of a page of `ROW_COLUMNS`, more of them behind */
export function rowOf(values: readonly unknown[]): RequestRow {
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
    isCorrect: values[24] === null ? null : values[24] === 1,
    checkReason: values[25] as string | null,
    answer: values[26] as string | null,
  };
}

/** The keys of a phase, the same in each of its lines, from `benchmark_phase` to `phase_kind`. */
export function phaseEnds(phases: readonly PhaseRow[]): ReadonlyMap<number, string> {
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

/** It was cancelled, or has an error. */
export function hasFailed({ errorCode, isCancelled }: RequestRow): boolean {
  return isCancelled || errorCode !== null;
}

/** What a line says beside its row. */
export interface Place {
  readonly conversationId: string;
  readonly runId: string;
}

/** `metadata` of a line. */
export function metadataOf(row: RequestRow, { conversationId, runId }: Place, phase: string): string {
  const correlationId = JSON.stringify(row.correlationId);
  const idOf = (session: number): string => JSON.stringify(sessionUuid(runId, row.phase, session));
  const parent = row.parentSession === null ? "" : `,"parent_correlation_id":${idOf(row.parentSession)}`;
  const root = row.rootSession === null ? correlationId : idOf(row.rootSession);
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

/** `error` of a line, of a request that failed. */
export function errorOf({ errorCode, errorPhase, errorMessage, status, isCancelled }: RequestRow): string {
  const failure = { code: errorCode ?? "cancelled", phase: errorPhase ?? "", message: errorMessage ?? "", status, isCancelled };
  return jsonText(aiperfError(failure));
}

/** Wall time in ns, whole: it has more digits than a JS number keeps. */
export function wallNs(ns: number, wallOffsetNs: number): bigint {
  return BigInt(Math.round(ns)) + BigInt(wallOffsetNs);
}

export function wallText(ns: number, wallOffsetNs: number): string {
  return String(wallNs(ns, wallOffsetNs));
}
