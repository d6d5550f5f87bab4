/**
 * Sum of `usage_total_tokens` over the succeeded requests. Name: AIPerf, `total_usage_total_tokens`.
 */
import type { RunMetric } from "./metric.ts";
import { usageTotalTokens } from "./usage-total-tokens.ts";

export const totalUsageTotalTokens: RunMetric = {
  tag: "total_usage_total_tokens",
  header: "Total Usage Total Tokens",
  unit: "tokens",
  consoleOrder: undefined,
  isLargerBetter: true,
  group: "hidden",
  value: ({ sum }) => sum(usageTotalTokens.tag),
};
