/**
 * Every metric, in stable order. The place in `recordMetrics` is the place of the value in a metric record on the wire, so a new
 * metric goes to the end of its list and none is ever moved or taken out.
 */

import { adjDecodeDuration } from "./adj-decode-duration.ts";
import { adjInterTokenLatency } from "./adj-inter-token-latency.ts";
import { adjRequestLatency } from "./adj-request-latency.ts";
import { adjTimeToFirstToken } from "./adj-time-to-first-token.ts";
import { audioDuration } from "./audio-duration.ts";
import { averageGpuPower } from "./average-gpu-power.ts";
import { benchmarkDuration } from "./benchmark-duration.ts";
import { completedRequestCount } from "./completed-request-count.ts";
import { contextOverflowCount } from "./context-overflow-count.ts";
import { correctRequestCount } from "./correct-request-count.ts";
import { correctRequestRate } from "./correct-request-rate.ts";
import { creditToStartLatency } from "./credit-to-start-latency.ts";
import { decodeDuration } from "./decode-duration.ts";
import { e2eOutputTokenThroughput } from "./e2e-output-token-throughput.ts";
import { effectiveLatency } from "./effective-latency.ts";
import { energyDelayProduct } from "./energy-delay-product.ts";
import { energyPerOutputToken } from "./energy-per-output-token.ts";
import { energyPerRequest } from "./energy-per-request.ts";
import { energyPerTotalToken } from "./energy-per-total-token.ts";
import { energyPerUser } from "./energy-per-user.ts";
import { errorIsl } from "./error-isl.ts";
import { errorRequestCount } from "./error-request-count.ts";
import { goodRequestCount } from "./good-request-count.ts";
import { goodRequestFraction } from "./good-request-fraction.ts";
import { goodTokenThroughput } from "./good-token-throughput.ts";
import { goodput } from "./goodput.ts";
import { goodputPerWatt } from "./goodput-per-watt.ts";
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
import { imageLatency } from "./image-latency.ts";
import { imageThroughput } from "./image-throughput.ts";
import { incorrectRequestCount } from "./incorrect-request-count.ts";
import { inferenceThroughput } from "./inference-throughput.ts";
import { inputSequenceLength } from "./input-sequence-length.ts";
import { inputTokenThroughput } from "./input-token-throughput.ts";
import { interChunkJitter } from "./inter-chunk-jitter.ts";
import { interChunkLatency } from "./inter-chunk-latency.ts";
import { interTokenLatency } from "./inter-token-latency.ts";
import { lateness } from "./lateness.ts";
import { longestInterChunkLatency } from "./longest-inter-chunk-latency.ts";
import { maxResponseTimestamp } from "./max-response-timestamp.ts";
import type { DerivedMetric, ListMetric, Metric, RecordMetric, RunMetric } from "./metric.ts";
import { minRequestTimestamp } from "./min-request-timestamp.ts";
import { networkAdjustedRequestLatency } from "./network-adjusted-request-latency.ts";
import { networkAdjustedTimeToFirstOutputToken } from "./network-adjusted-time-to-first-output-token.ts";
import { networkAdjustedTimeToFirstToken } from "./network-adjusted-time-to-first-token.ts";
import { networkRtt } from "./network-rtt.ts";
import { numImages } from "./num-images.ts";
import { numInferences } from "./num-inferences.ts";
import { oslMismatchCount } from "./osl-mismatch-count.ts";
import { oslMismatchDiffPct } from "./osl-mismatch-diff-pct.ts";
import { outputCount } from "./output-count.ts";
import { outputSequenceLength } from "./output-sequence-length.ts";
import { outputTokenCount } from "./output-token-count.ts";
import { outputTokenThroughput } from "./output-token-throughput.ts";
import { outputTokenThroughputPerUser } from "./output-token-throughput-per-user.ts";
import { outputTokensPerJoule } from "./output-tokens-per-joule.ts";
import { outputTpsPerWatt } from "./output-tps-per-watt.ts";
import { overallThinkingEfficiency } from "./overall-thinking-efficiency.ts";
import { overallUsagePromptCacheReadPct } from "./overall-usage-prompt-cache-read-pct.ts";
import { performancePerWatt } from "./performance-per-watt.ts";
import { prefillThroughputPerUser } from "./prefill-throughput-per-user.ts";
import { reasoningTokenCount } from "./reasoning-token-count.ts";
import { replaySchedDegraded } from "./replay-sched-degraded.ts";
import { replaySchedLagP50 } from "./replay-sched-lag-p50.ts";
import { replaySchedLagP90 } from "./replay-sched-lag-p90.ts";
import { replaySchedLagP99 } from "./replay-sched-lag-p99.ts";
import { requestCount } from "./request-count.ts";
import { requestErrorRate } from "./request-error-rate.ts";
import { requestLatency } from "./request-latency.ts";
import { requestThroughput } from "./request-throughput.ts";
import { requestedOsl } from "./requested-osl.ts";
import { responseTime } from "./response-time.ts";
import { rtfx } from "./rtfx.ts";
import { serverQueueTime } from "./server-queue-time.ts";
import { serverTimeToFirstToken } from "./server-time-to-first-token.ts";
import { specDecodeAcceptanceLength } from "./spec-decode-acceptance-length.ts";
import { specDecodeAcceptedDraftTokens } from "./spec-decode-accepted-draft-tokens.ts";
import { specDecodeAcceptedPerVerified } from "./spec-decode-accepted-per-verified.ts";
import { specDecodeDraftAcceptanceRate } from "./spec-decode-draft-acceptance-rate.ts";
import { specDecodeDraftTokens } from "./spec-decode-draft-tokens.ts";
import { specDecodeOverallDraftAcceptanceRate } from "./spec-decode-overall-draft-acceptance-rate.ts";
import { specDecodeSteps } from "./spec-decode-steps.ts";
import { specDecodeTokenWeightedAcceptanceLength } from "./spec-decode-token-weighted-acceptance-length.ts";
import { stallCount } from "./stall-count.ts";
import { stallThreshold } from "./stall-threshold.ts";
import { stalledRequestCount } from "./stalled-request-count.ts";
import { streamPrefillLatency } from "./stream-prefill-latency.ts";
import { streamSetupLatency } from "./stream-setup-latency.ts";
import { sweepMetrics } from "./sweep-line.ts";
import { thinkingEfficiency } from "./thinking-efficiency.ts";
import { timeToFirstEvent } from "./time-to-first-event.ts";
import { timeToFirstOutputToken } from "./time-to-first-output-token.ts";
import { timeToFirstReasoning } from "./time-to-first-reasoning.ts";
import { timeToFirstRole } from "./time-to-first-role.ts";
import { timeToFirstText } from "./time-to-first-text.ts";
import { timeToFirstToken } from "./time-to-first-token.ts";
import { timeToFirstTokenFromDue } from "./time-to-first-token-from-due.ts";
import { timeToFirstToolCall } from "./time-to-first-tool-call.ts";
import { timeToSecondToken } from "./time-to-second-token.ts";
import { tokensPerChunk } from "./tokens-per-chunk.ts";
import { totalAcceptedDraftTokens } from "./total-accepted-draft-tokens.ts";
import { totalDraftTokens } from "./total-draft-tokens.ts";
import { totalErrorIsl } from "./total-error-isl.ts";
import { totalGpuEnergy } from "./total-gpu-energy.ts";
import { totalGpuPower } from "./total-gpu-power.ts";
import { totalIsl } from "./total-isl.ts";
import { totalOsl } from "./total-osl.ts";
import { totalOutputTokens } from "./total-output-tokens.ts";
import { totalReasoningTokens } from "./total-reasoning-tokens.ts";
import { totalSpecDecodeSteps } from "./total-spec-decode-steps.ts";
import { totalTokenThroughput } from "./total-token-throughput.ts";
import { totalUsageAcceptedPredictionTokens } from "./total-usage-accepted-prediction-tokens.ts";
import { totalUsageCompletionAudioTokens } from "./total-usage-completion-audio-tokens.ts";
import { totalUsageCompletionTokens } from "./total-usage-completion-tokens.ts";
import { totalUsagePromptAudioSeconds } from "./total-usage-prompt-audio-seconds.ts";
import { totalUsagePromptAudioTokens } from "./total-usage-prompt-audio-tokens.ts";
import { totalUsagePromptCacheMissTokens } from "./total-usage-prompt-cache-miss-tokens.ts";
import { totalUsagePromptCacheReadTokens } from "./total-usage-prompt-cache-read-tokens.ts";
import { totalUsagePromptCacheWriteTokens } from "./total-usage-prompt-cache-write-tokens.ts";
import { totalUsagePromptTokens } from "./total-usage-prompt-tokens.ts";
import { totalUsageReasoningTokens } from "./total-usage-reasoning-tokens.ts";
import { totalUsageRejectedPredictionTokens } from "./total-usage-rejected-prediction-tokens.ts";
import { totalUsageToolUsePromptTokens } from "./total-usage-tool-use-prompt-tokens.ts";
import { totalUsageTotalTokens } from "./total-usage-total-tokens.ts";
import { usageAcceptedPredictionTokens } from "./usage-accepted-prediction-tokens.ts";
import { usageCompletionAudioTokens } from "./usage-completion-audio-tokens.ts";
import { usageCompletionTokens } from "./usage-completion-tokens.ts";
import { usageCompletionTokensDiffPct } from "./usage-completion-tokens-diff-pct.ts";
import { usageDiscrepancyCount } from "./usage-discrepancy-count.ts";
import { usagePromptAudioSeconds } from "./usage-prompt-audio-seconds.ts";
import { usagePromptAudioTokens } from "./usage-prompt-audio-tokens.ts";
import { usagePromptCacheMissTokens } from "./usage-prompt-cache-miss-tokens.ts";
import { usagePromptCacheReadTokens } from "./usage-prompt-cache-read-tokens.ts";
import { usagePromptCacheWriteTokens } from "./usage-prompt-cache-write-tokens.ts";
import { usagePromptTokens } from "./usage-prompt-tokens.ts";
import { usagePromptTokensDiffPct } from "./usage-prompt-tokens-diff-pct.ts";
import { usageReasoningTokens } from "./usage-reasoning-tokens.ts";
import { usageReasoningTokensDiffPct } from "./usage-reasoning-tokens-diff-pct.ts";
import { usageRejectedPredictionTokens } from "./usage-rejected-prediction-tokens.ts";
import { usageToolUsePromptTokens } from "./usage-tool-use-prompt-tokens.ts";
import { usageTotalTokens } from "./usage-total-tokens.ts";
import { videoInferenceTime } from "./video-inference-time.ts";
import { videoPeakMemory } from "./video-peak-memory.ts";

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
  usagePromptCacheWriteTokens,
  usagePromptCacheMissTokens,
  usagePromptAudioTokens,
  usageToolUsePromptTokens,
  usagePromptAudioSeconds,
  usageCompletionAudioTokens,
  usageAcceptedPredictionTokens,
  usageRejectedPredictionTokens,
  usagePromptTokensDiffPct,
  usageCompletionTokensDiffPct,
  usageReasoningTokensDiffPct,
  streamPrefillLatency,
  thinkingEfficiency,
  specDecodeAcceptanceLength,
  specDecodeDraftAcceptanceRate,
  specDecodeAcceptedPerVerified,
  specDecodeSteps,
  specDecodeAcceptedDraftTokens,
  specDecodeDraftTokens,
  numImages,
  imageThroughput,
  imageLatency,
  audioDuration,
  rtfx,
  videoInferenceTime,
  videoPeakMemory,
  creditToStartLatency,
  effectiveLatency,
  timeToFirstEvent,
  timeToFirstRole,
  timeToFirstReasoning,
  timeToFirstText,
  timeToFirstToolCall,
  tokensPerChunk,
  interChunkJitter,
  longestInterChunkLatency,
  outputCount,
  timeToFirstTokenFromDue,
  numInferences,
  serverTimeToFirstToken,
  serverQueueTime,
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
  totalUsageAcceptedPredictionTokens,
  totalUsageCompletionAudioTokens,
  totalUsageCompletionTokens,
  totalUsagePromptAudioSeconds,
  totalUsagePromptAudioTokens,
  totalUsagePromptCacheMissTokens,
  totalUsagePromptCacheReadTokens,
  totalUsagePromptCacheWriteTokens,
  totalUsagePromptTokens,
  totalUsageReasoningTokens,
  totalUsageRejectedPredictionTokens,
  totalUsageToolUsePromptTokens,
  totalUsageTotalTokens,
  overallUsagePromptCacheReadPct,
  usageDiscrepancyCount,
  oslMismatchCount,
  contextOverflowCount,
  overallThinkingEfficiency,
  totalSpecDecodeSteps,
  totalAcceptedDraftTokens,
  totalDraftTokens,
  specDecodeTokenWeightedAcceptanceLength,
  specDecodeOverallDraftAcceptanceRate,
  replaySchedLagP50,
  replaySchedLagP90,
  replaySchedLagP99,
  replaySchedDegraded,
  networkRtt,
  goodTokenThroughput,
  stallThreshold,
  stallCount,
  stalledRequestCount,
  correctRequestCount,
  incorrectRequestCount,
  correctRequestRate,
  inferenceThroughput,
  ...totalGpuPower,
  ...averageGpuPower,
  ...totalGpuEnergy,
  ...outputTokensPerJoule,
  ...energyPerOutputToken,
  ...energyPerTotalToken,
  ...energyPerRequest,
  ...energyPerUser,
  ...energyDelayProduct,
  ...performancePerWatt,
  ...outputTpsPerWatt,
  ...goodputPerWatt,
];

/** The distribution of another metric, with each failed request as one that takes for ever. */
export const adjustedMetrics: readonly DerivedMetric[] = [
  adjTimeToFirstToken,
  adjRequestLatency,
  adjInterTokenLatency,
  adjDecodeDuration,
];

/** The statistics of another metric, less the round trip of the network. */
export const networkAdjustedMetrics: readonly DerivedMetric[] = [
  networkAdjustedTimeToFirstToken,
  networkAdjustedTimeToFirstOutputToken,
  networkAdjustedRequestLatency,
];

/** All of them by their tags. */
export const metricsByTag: ReadonlyMap<string, Metric> = new Map(
  [...recordMetrics, ...listMetrics, ...adjustedMetrics, ...networkAdjustedMetrics, ...sweepMetrics, ...runMetrics].map(
    (metric) => [metric.tag, metric],
  ),
);
