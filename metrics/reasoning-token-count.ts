/**
 * Reasoning token count: tokens of reasoning. Name: AIPerf, `reasoning_token_count`.
 */
import type { RecordMetric } from "./metric.ts";

export const reasoningTokenCount: RecordMetric = {
  tag: "reasoning_token_count",
  header: "Reasoning Token Count",
  unit: "tokens",
  consoleOrder: undefined,
  isLargerBetter: true,
  value: ({ reasoningTokens }) => reasoningTokens,
};
