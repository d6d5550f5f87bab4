/**
 * Sum of reasoning token count over the succeeded requests. Name: AIPerf, `total_reasoning_tokens`.
 */
import type { RunMetric } from "./metric.ts";
import { reasoningTokenCount } from "./reasoning-token-count.ts";

export const totalReasoningTokens: RunMetric = {
  tag: "total_reasoning_tokens",
  header: "Total Reasoning Tokens",
  unit: "tokens",
  consoleOrder: undefined,
  isLargerBetter: true,
  value: ({ sum }) => sum(reasoningTokenCount.tag),
};
