/**
 * Sum of `usage_prompt_tokens` over the succeeded requests. Name: AIPerf, `total_usage_prompt_tokens`.
 */
import type { RunMetric } from "./metric.ts";
import { usagePromptTokens } from "./usage-prompt-tokens.ts";

export const totalUsagePromptTokens: RunMetric = {
  tag: "total_usage_prompt_tokens",
  header: "Total Usage Prompt Tokens",
  unit: "tokens",
  consoleOrder: undefined,
  isLargerBetter: true,
  group: "hidden",
  value: ({ sum }) => sum(usagePromptTokens.tag),
};
