/** A metric record as the generated code has it, for whoever asks for some; hot paths write it by `metric-batch.ts`. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { CheckOutcomeSchema, MetricRecordSchema } from "../../gen/assay/records_manager/v1/record_pb.js";
import type { CheckOutcome, MetricRecord } from "./metric-record.ts";

type WireRecordInit = Exclude<MessageInitShape<typeof MetricRecordSchema>, { $typeName: string }>;

/** The proto of a record. */
export function wireRecordOf(record: MetricRecord, recordProcessorId: string): WireRecordInit {
  const { firstByteNs, connectNs, blockedNs, dnsNs, tcpNs, tlsNs, writtenNs, cancelledNs, error, check } = record;
  return {
    creditId: BigInt(record.creditId),
    phase: record.phase,
    conversation: BigInt(record.conversation),
    turn: record.turn,
    session: BigInt(record.sessionId),
    index: BigInt(record.sessionNum),
    parentSession: BigInt(record.parentSession === undefined ? 0 : record.parentSession + 1),
    rootSession: BigInt(record.rootSession === undefined ? 0 : record.rootSession + 1),
    agentDepth: record.agentDepth,
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
    localAddress: record.localAddress,
    remoteAddress: record.remoteAddress,
    rowGroup: record.rowGroup,
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
    ...(blockedNs === undefined ? {} : { blockedNs }),
    ...(dnsNs === undefined ? {} : { dnsNs }),
    ...(tcpNs === undefined ? {} : { tcpNs }),
    ...(tlsNs === undefined ? {} : { tlsNs }),
    ...(writtenNs === undefined ? {} : { writtenNs }),
    ...(cancelledNs === undefined ? {} : { cancelledNs }),
    ...(check === undefined ? {} : { check: wireCheckOf(check) }),
    ...(error === undefined ? {} : { error: { code: error.code, phase: error.phase, message: error.message } }),
  };
}

/** The proto of what came of a check. */
function wireCheckOf({ isCorrect, reason, answer }: CheckOutcome): MessageInitShape<typeof CheckOutcomeSchema> {
  return { reason, answer, ...(isCorrect === undefined ? {} : { isCorrect }) };
}
