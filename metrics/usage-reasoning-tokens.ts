/**
 * `completion_tokens_details.reasoning_tokens` of the last usage that the server sent. Name: AIPerf, `usage_reasoning_tokens`.
 */
import type { RecordMetric } from "./metric.ts";

export const usageReasoningTokens: RecordMetric = {
  tag: "usage_reasoning_tokens",
  header: "Usage Reasoning Tokens",
  unit: "tokens",
  consoleOrder: undefined,
  isLargerBetter: true,
  group: "hidden",
  value: ({ usage }) => usage?.reasoningTokens,
};
