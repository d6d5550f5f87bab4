/**
 * Tokens that the server's own tools added to the prompt, as its last usage says. Name: AIPerf, `usage_tool_use_prompt_tokens`.
 */
import type { RecordMetric } from "./metric.ts";

export const usageToolUsePromptTokens: RecordMetric = {
  tag: "usage_tool_use_prompt_tokens",
  header: "Usage Tool Use Prompt Tokens",
  unit: "tokens",
  consoleOrder: undefined,
  isLargerBetter: true,
  group: "hidden",
  value: ({ usage }) => usage?.toolUsePromptTokens,
};
