/**
 * Sum of `usage_completion_tokens` over the succeeded requests. Name: AIPerf, `total_usage_completion_tokens`.
 */
import type { RunMetric } from "./metric.ts";
import { usageCompletionTokens } from "./usage-completion-tokens.ts";

export const totalUsageCompletionTokens: RunMetric = {
  tag: "total_usage_completion_tokens",
  header: "Total Usage Completion Tokens",
  unit: "tokens",
  consoleOrder: undefined,
  isLargerBetter: true,
  group: "hidden",
  value: ({ sum }) => sum(usageCompletionTokens.tag),
};
