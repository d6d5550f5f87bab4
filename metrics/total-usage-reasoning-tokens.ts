/**
 * Sum of `usage_reasoning_tokens` over the succeeded requests. Name: AIPerf, `total_usage_reasoning_tokens`.
 */
import type { RunMetric } from "./metric.ts";
import { usageReasoningTokens } from "./usage-reasoning-tokens.ts";

export const totalUsageReasoningTokens: RunMetric = {
  tag: "total_usage_reasoning_tokens",
  header: "Total Usage Reasoning Tokens",
  unit: "tokens",
  consoleOrder: undefined,
  isLargerBetter: true,
  group: "hidden",
  value: ({ sum }) => sum(usageReasoningTokens.tag),
};
