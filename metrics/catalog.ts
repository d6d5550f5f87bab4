/**
 * Every metric, in stable order. The place in `recordMetrics` is the place of the value in a metric record on the wire, so a new
 * metric goes to the end of its list and none is ever moved or taken out.
 */
import { benchmarkDuration } from "./benchmark-duration.ts";
import { completedRequestCount } from "./completed-request-count.ts";
import { decodeDuration } from "./decode-duration.ts";
import { e2eOutputTokenThroughput } from "./e2e-output-token-throughput.ts";
import { errorIsl } from "./error-isl.ts";
import { errorRequestCount } from "./error-request-count.ts";
import { goodRequestCount } from "./good-request-count.ts";
import { goodRequestFraction } from "./good-request-fraction.ts";
import { goodput } from "./goodput.ts";
import { httpReqBlocked } from "./http-req-blocked.ts";
import { httpReqChunksReceived } from "./http-req-chunks-received.ts";
import { httpReqChunksSent } from "./http-req-chunks-sent.ts";
import { httpReqConnecting } from "./http-req-connecting.ts";
import { httpReqConnectionOverhead } from "./http-req-connection-overhead.ts";
import { httpReqConnectionReused } from "./http-req-connection-reused.ts";
import { httpReqDataReceived } from "./http-req-data-received.ts";
import { httpReqDataSent } from "./http-req-data-sent.ts";
import { httpReqDnsLookup } from "./http-req-dns-lookup.ts";
import { httpReqDuration } from "./http-req-duration.ts";
import { httpReqReceiving } from "./http-req-receiving.ts";
import { httpReqSending } from "./http-req-sending.ts";
import { httpReqTotal } from "./http-req-total.ts";
import { httpReqWaiting } from "./http-req-waiting.ts";
import { inputSequenceLength } from "./input-sequence-length.ts";
import { inputTokenThroughput } from "./input-token-throughput.ts";
import { interChunkLatency } from "./inter-chunk-latency.ts";
import { interTokenLatency } from "./inter-token-latency.ts";
import { lateness } from "./lateness.ts";
import { maxResponseTimestamp } from "./max-response-timestamp.ts";
import type { ListMetric, Metric, RecordMetric, RunMetric } from "./metric.ts";
import { minRequestTimestamp } from "./min-request-timestamp.ts";
import { oslMismatchDiffPct } from "./osl-mismatch-diff-pct.ts";
import { outputSequenceLength } from "./output-sequence-length.ts";
import { outputTokenCount } from "./output-token-count.ts";
import { outputTokenThroughput } from "./output-token-throughput.ts";
import { outputTokenThroughputPerUser } from "./output-token-throughput-per-user.ts";
import { prefillThroughputPerUser } from "./prefill-throughput-per-user.ts";
import { reasoningTokenCount } from "./reasoning-token-count.ts";
import { requestCount } from "./request-count.ts";
import { requestErrorRate } from "./request-error-rate.ts";
import { requestLatency } from "./request-latency.ts";
import { requestThroughput } from "./request-throughput.ts";
import { requestedOsl } from "./requested-osl.ts";
import { responseTime } from "./response-time.ts";
import { streamSetupLatency } from "./stream-setup-latency.ts";
import { timeToFirstOutputToken } from "./time-to-first-output-token.ts";
import { timeToFirstToken } from "./time-to-first-token.ts";
import { timeToSecondToken } from "./time-to-second-token.ts";
import { totalErrorIsl } from "./total-error-isl.ts";
import { totalIsl } from "./total-isl.ts";
import { totalOsl } from "./total-osl.ts";
import { totalOutputTokens } from "./total-output-tokens.ts";
import { totalReasoningTokens } from "./total-reasoning-tokens.ts";
import { totalTokenThroughput } from "./total-token-throughput.ts";
import { usageCompletionTokens } from "./usage-completion-tokens.ts";
import { usagePromptCacheReadTokens } from "./usage-prompt-cache-read-tokens.ts";
import { usagePromptTokens } from "./usage-prompt-tokens.ts";
import { usageReasoningTokens } from "./usage-reasoning-tokens.ts";
import { usageTotalTokens } from "./usage-total-tokens.ts";

/** A value per request. */
export const recordMetrics: readonly RecordMetric[] = [
  timeToFirstToken,
  timeToSecondToken,
  timeToFirstOutputToken,
  requestLatency,
  responseTime,
  decodeDuration,
  interTokenLatency,
  outputTokenThroughputPerUser,
  e2eOutputTokenThroughput,
  prefillThroughputPerUser,
  outputSequenceLength,
  inputSequenceLength,
  outputTokenCount,
  reasoningTokenCount,
  requestedOsl,
  oslMismatchDiffPct,
  usagePromptTokens,
  usageCompletionTokens,
  usageTotalTokens,
  usageReasoningTokens,
  usagePromptCacheReadTokens,
  lateness,
  streamSetupLatency,
  httpReqDataSent,
  httpReqDataReceived,
  errorIsl,
  httpReqBlocked,
  httpReqDnsLookup,
  httpReqConnecting,
  httpReqSending,
  httpReqWaiting,
  httpReqReceiving,
  httpReqConnectionReused,
  httpReqChunksSent,
  httpReqChunksReceived,
  httpReqConnectionOverhead,
  httpReqDuration,
  httpReqTotal,
];

/** Several values per request. */
export const listMetrics: readonly ListMetric[] = [interChunkLatency];

/** A value per run or phase. */
export const runMetrics: readonly RunMetric[] = [
  benchmarkDuration,
  requestThroughput,
  outputTokenThroughput,
  inputTokenThroughput,
  totalTokenThroughput,
  requestCount,
  errorRequestCount,
  completedRequestCount,
  requestErrorRate,
  totalIsl,
  totalOsl,
  totalOutputTokens,
  totalReasoningTokens,
  minRequestTimestamp,
  maxResponseTimestamp,
  totalErrorIsl,
  goodRequestCount,
  goodRequestFraction,
  goodput,
];

/** All of them by their tags. */
export const metricsByTag: ReadonlyMap<string, Metric> = new Map(
  [...recordMetrics, ...listMetrics, ...runMetrics].map((metric) => [metric.tag, metric]),
);
