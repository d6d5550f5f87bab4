/**
 * 100 · Σ `usage_prompt_cache_read_tokens` / Σ `usage_prompt_tokens` over the succeeded requests. Name: AIPerf,
 * `overall_usage_prompt_cache_read_pct`.
 */
import type { RunMetric } from "./metric.ts";
import { usagePromptCacheReadTokens } from "./usage-prompt-cache-read-tokens.ts";
import { usagePromptTokens } from "./usage-prompt-tokens.ts";

export const overallUsagePromptCacheReadPct: RunMetric = {
  tag: "overall_usage_prompt_cache_read_pct",
  header: "Overall Usage Prompt Cache Read %",
  unit: "%",
  consoleOrder: undefined,
  isLargerBetter: true,
  group: "hidden",
  value: ({ sum }) => {
    const prompt = sum(usagePromptTokens.tag);
    const read = sum(usagePromptCacheReadTokens.tag);
    return prompt === undefined || prompt === 0 || read === undefined ? undefined : (100 * read) / prompt;
  },
};
