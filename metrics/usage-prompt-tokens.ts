/**
 * `prompt_tokens` of the last usage that the server sent. Name: AIPerf, `usage_prompt_tokens`.
 */
import type { RecordMetric } from "./metric.ts";

export const usagePromptTokens: RecordMetric = {
  tag: "usage_prompt_tokens",
  header: "Usage Prompt Tokens",
  unit: "tokens",
  consoleOrder: undefined,
  isLargerBetter: true,
  group: "hidden",
  value: ({ usage }) => usage?.promptTokens,
};
