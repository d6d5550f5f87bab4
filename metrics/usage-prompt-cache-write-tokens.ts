/**
 * Tokens of the prompt that the server wrote into its cache, as its last usage says. Name: AIPerf,
 * `usage_prompt_cache_write_tokens`.
 */
import type { RecordMetric } from "./metric.ts";

export const usagePromptCacheWriteTokens: RecordMetric = {
  tag: "usage_prompt_cache_write_tokens",
  header: "Usage Prompt Cache Write Tokens",
  unit: "tokens",
  consoleOrder: undefined,
  isLargerBetter: true,
  group: "hidden",
  value: ({ usage }) => usage?.cacheWritePromptTokens,
};
