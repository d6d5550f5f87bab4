/**
 * Sum of `usage_tool_use_prompt_tokens` over the succeeded requests. Name: AIPerf, `total_usage_tool_use_prompt_tokens`.
 */
import type { RunMetric } from "./metric.ts";
import { usageToolUsePromptTokens } from "./usage-tool-use-prompt-tokens.ts";

export const totalUsageToolUsePromptTokens: RunMetric = {
  tag: "total_usage_tool_use_prompt_tokens",
  header: "Total Usage Tool Use Prompt Tokens",
  unit: "tokens",
  consoleOrder: undefined,
  isLargerBetter: true,
  group: "hidden",
  value: ({ sum }) => sum(usageToolUsePromptTokens.tag),
};
