/**
 * Sum of `usage_prompt_cache_write_tokens` over the succeeded requests. Name: AIPerf, `total_usage_prompt_cache_write_tokens`.
 */
import type { RunMetric } from "./metric.ts";
import { usagePromptCacheWriteTokens } from "./usage-prompt-cache-write-tokens.ts";

export const totalUsagePromptCacheWriteTokens: RunMetric = {
  tag: "total_usage_prompt_cache_write_tokens",
  header: "Total Usage Prompt Cache Write Tokens",
  unit: "tokens",
  consoleOrder: undefined,
  isLargerBetter: true,
  group: "hidden",
  value: ({ sum }) => sum(usagePromptCacheWriteTokens.tag),
};
