/**
 * `completion_tokens` of the last usage that the server sent. Name: AIPerf, `usage_completion_tokens`.
 */
import type { RecordMetric } from "./metric.ts";

export const usageCompletionTokens: RecordMetric = {
  tag: "usage_completion_tokens",
  header: "Usage Completion Tokens",
  unit: "tokens",
  consoleOrder: undefined,
  isLargerBetter: true,
  group: "hidden",
  value: ({ usage }) => usage?.completionTokens,
};
