/**
 * `total_tokens` of the last usage that the server sent. Name: AIPerf, `usage_total_tokens`.
 */
import type { RecordMetric } from "./metric.ts";

export const usageTotalTokens: RecordMetric = {
  tag: "usage_total_tokens",
  header: "Usage Total Tokens",
  unit: "tokens",
  consoleOrder: undefined,
  isLargerBetter: true,
  group: "hidden",
  value: ({ usage }) => usage?.totalTokens,
};
