/**
 * `prompt_tokens_details.cached_tokens` of the last usage that the server sent. Name: AIPerf, `usage_prompt_cache_read_tokens`.
 */
import type { RecordMetric } from "./metric.ts";

export const usagePromptCacheReadTokens: RecordMetric = {
  tag: "usage_prompt_cache_read_tokens",
  header: "Usage Prompt Cache Read Tokens",
  unit: "tokens",
  consoleOrder: undefined,
  isLargerBetter: true,
  group: "hidden",
  value: ({ usage }) => usage?.cachedPromptTokens,
};
