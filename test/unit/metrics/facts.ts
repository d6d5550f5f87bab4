import type { RequestFacts } from "../../../metrics/metric.ts";

/** A streamed answer of eight tokens in four chunks, sent 2 ms late, with changes. */
export function facts(changes: Partial<RequestFacts> = {}): RequestFacts {
  return {
    dueNs: -2e6,
    firstByteNs: 90e6,
    contentNs: Float64Array.of(100e6, 120e6, 120e6, 170e6),
    firstOutputNs: 120e6,
    endNs: 180e6,
    isStreaming: true,
    isFailed: false,
    inputTokens: 50,
    outputTokens: 5,
    reasoningTokens: 3,
    requestedOutputTokens: 10,
    usage: { promptTokens: 50, completionTokens: 8, totalTokens: 58, reasoningTokens: 3, cachedPromptTokens: 32 },
    requestBytes: 2048,
    responseBytes: 5120,
    blockedNs: 1e6,
    connectNs: 7e6,
    dnsNs: 2e6,
    isConnectionReused: false,
    writtenNs: 3e6,
    firstReadNs: 95e6,
    lastReadNs: 175e6,
    bodyReads: 4,
    ...changes,
  };
}
