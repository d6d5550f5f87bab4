/**
 * How far the server's count is from Assay's own of the reasoning: 100 · |usage − counted| / counted. Only where answers are
 * counted beside the server's usage (`--check-usage`). Formula and name: AIPerf, `usage_reasoning_tokens_diff_pct`.
 */
import type { RecordMetric } from "./metric.ts";
import { differencePct } from "./units.ts";

export const usageReasoningTokensDiffPct: RecordMetric = {
  tag: "usage_reasoning_tokens_diff_pct",
  header: "Usage Reasoning Diff %",
  unit: "%",
  consoleOrder: undefined,
  isLargerBetter: false,
  group: "hidden",
  value: ({ usage, counted }) => differencePct(usage?.reasoningTokens, counted?.reasoning),
};
