/**
 * Tokens of the prompt that were not in the server's cache, as its last usage says. Name: AIPerf,
 * `usage_prompt_cache_miss_tokens`.
 */
import type { RecordMetric } from "./metric.ts";

export const usagePromptCacheMissTokens: RecordMetric = {
  tag: "usage_prompt_cache_miss_tokens",
  header: "Usage Prompt Cache Miss Tokens",
  unit: "tokens",
  consoleOrder: undefined,
  isLargerBetter: false,
  group: "hidden",
  value: ({ usage }) => usage?.cacheMissPromptTokens,
};
