/**
 * Sum of `usage_prompt_cache_read_tokens` over the succeeded requests. Name: AIPerf, `total_usage_prompt_cache_read_tokens`.
 */
import type { RunMetric } from "./metric.ts";
import { usagePromptCacheReadTokens } from "./usage-prompt-cache-read-tokens.ts";

export const totalUsagePromptCacheReadTokens: RunMetric = {
  tag: "total_usage_prompt_cache_read_tokens",
  header: "Total Usage Prompt Cache Read Tokens",
  unit: "tokens",
  consoleOrder: undefined,
  isLargerBetter: true,
  group: "hidden",
  value: ({ sum }) => sum(usagePromptCacheReadTokens.tag),
};
