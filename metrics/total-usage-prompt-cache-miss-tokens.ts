/**
 * Sum of `usage_prompt_cache_miss_tokens` over the succeeded requests. Name: AIPerf, `total_usage_prompt_cache_miss_tokens`.
 */
import type { RunMetric } from "./metric.ts";
import { usagePromptCacheMissTokens } from "./usage-prompt-cache-miss-tokens.ts";

export const totalUsagePromptCacheMissTokens: RunMetric = {
  tag: "total_usage_prompt_cache_miss_tokens",
  header: "Total Usage Prompt Cache Miss Tokens",
  unit: "tokens",
  consoleOrder: undefined,
  isLargerBetter: false,
  group: "hidden",
  value: ({ sum }) => sum(usagePromptCacheMissTokens.tag),
};
