/**
 * How far the server's count is from Assay's own of the input: 100 · |usage − counted| / counted. Only where answers are counted
 * beside the server's usage (`--check-usage`). Formula and name: AIPerf, `usage_prompt_tokens_diff_pct`.
 */
import type { RecordMetric } from "./metric.ts";
import { differencePct } from "./units.ts";

export const usagePromptTokensDiffPct: RecordMetric = {
  tag: "usage_prompt_tokens_diff_pct",
  header: "Usage Prompt Diff %",
  unit: "%",
  consoleOrder: undefined,
  isLargerBetter: false,
  group: "hidden",
  value: ({ usage, counted }) => differencePct(usage?.promptTokens, counted?.input),
};
