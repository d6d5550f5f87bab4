/** The metric record between its proto and the domain; the one place that converts. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { RequestErrorCode, RequestErrorPhase } from "../../endpoints/outcome.ts";
import type { MetricRecordSchema, MetricRecord as WireRecord } from "../../gen/assay/records_manager/v1/record_pb.js";
import type { MetricRecord, TokenSource } from "./metric-record.ts";

type WireRecordInit = Exclude<MessageInitShape<typeof MetricRecordSchema>, { $typeName: string }>;

export function wireRecordOf(record: MetricRecord, recordProcessorId: string): WireRecordInit {
  const { firstByteNs, connectNs, cancelledNs, error } = record;
  return {
    creditId: BigInt(record.creditId),
    phase: record.phase,
    conversation: BigInt(record.conversation),
    turn: record.turn,
    session: BigInt(record.sessionId),
    index: BigInt(record.sessionNum),
    target: record.targetIndex,
    dueNs: record.dueNs,
    issuedNs: record.issuedNs,
    receivedNs: record.receivedNs,
    sentNs: record.sentNs,
    endNs: record.endNs,
    status: record.status,
    isCancelled: record.isCancelled,
    isStreaming: record.isStreaming,
    isConnectionReused: record.isConnectionReused,
    requestBytes: BigInt(record.requestBytes),
    responseBytes: BigInt(record.responseBytes),
    requestedOutputTokens: record.requestedOutputTokens ?? 0,
    model: record.model,
    requestId: record.requestId,
    correlationId: record.correlationId,
    workerId: record.workerId,
    wallOffsetNs: record.wallOffsetNs,
    values: Array.from(record.values),
    contentStamps: record.contentStamps,
    coalescedChunks: record.coalescedChunks,
    finishReason: record.finishReason ?? "",
    tokenSource: record.tokenSource,
    recordProcessorId,
    hasUsageMismatch: record.hasUsageMismatch,
    isStreamIgnored: record.isStreamIgnored,
    ...(firstByteNs === undefined ? {} : { firstByteNs }),
    ...(connectNs === undefined ? {} : { connectNs }),
    ...(cancelledNs === undefined ? {} : { cancelledNs }),
    ...(error === undefined ? {} : { error: { code: error.code, phase: error.phase, message: error.message } }),
  };
}

export function metricRecordOf(wire: WireRecord): MetricRecord {
  const { error } = wire;
  return {
    creditId: Number(wire.creditId),
    phase: wire.phase,
    conversation: Number(wire.conversation),
    turn: wire.turn,
    sessionId: Number(wire.session),
    sessionNum: Number(wire.index),
    requestId: wire.requestId,
    correlationId: wire.correlationId,
    workerId: wire.workerId,
    targetIndex: wire.target,
    model: wire.model,
    dueNs: wire.dueNs,
    issuedNs: wire.issuedNs,
    receivedNs: wire.receivedNs,
    sentNs: wire.sentNs,
    wallOffsetNs: wire.wallOffsetNs,
    firstByteNs: wire.firstByteNs,
    endNs: wire.endNs,
    connectNs: wire.connectNs,
    isConnectionReused: wire.isConnectionReused,
    isStreaming: wire.isStreaming,
    isCancelled: wire.isCancelled,
    cancelledNs: wire.cancelledNs,
    requestBytes: Number(wire.requestBytes),
    responseBytes: Number(wire.responseBytes),
    requestedOutputTokens: wire.requestedOutputTokens === 0 ? undefined : wire.requestedOutputTokens,
    status: wire.status,
    // Written by a record-processor of this version; other words are shown as they came.
    error:
      error === undefined
        ? undefined
        : { code: error.code as RequestErrorCode, phase: error.phase as RequestErrorPhase, message: error.message },
    values: Float64Array.from(wire.values),
    contentStamps: wire.contentStamps,
    finishReason: wire.finishReason === "" ? undefined : wire.finishReason,
    coalescedChunks: wire.coalescedChunks,
    tokenSource: tokenSourceOf(wire.tokenSource),
    hasUsageMismatch: wire.hasUsageMismatch,
    isStreamIgnored: wire.isStreamIgnored,
  };
}

function tokenSourceOf(source: string): TokenSource {
  return source === "usage" || source === "counted" ? source : "none";
}
