/**
 * How far the server's count is from Assay's own of the output, reasoning included: 100 · |usage − counted| / counted. Only
 * where answers are counted beside the server's usage (`--check-usage`). Formula and name: AIPerf,
 * `usage_completion_tokens_diff_pct`.
 */
import type { RecordMetric } from "./metric.ts";
import { differencePct } from "./units.ts";

export const usageCompletionTokensDiffPct: RecordMetric = {
  tag: "usage_completion_tokens_diff_pct",
  header: "Usage Completion Diff %",
  unit: "%",
  consoleOrder: undefined,
  isLargerBetter: false,
  group: "hidden",
  value: ({ usage, counted }) => differencePct(usage?.completionTokens, counted?.completion),
};
