/**
 * Succeeded requests of which a `usage_*_diff_pct` is above 10 %; undefined where none was counted. Name: AIPerf,
 * `usage_discrepancy_count`.
 */
import type { RunMetric } from "./metric.ts";

export const usageDiscrepancyCount: RunMetric = {
  tag: "usage_discrepancy_count",
  header: "Usage Discrepancy Count",
  unit: "requests",
  consoleOrder: undefined,
  isLargerBetter: false,
  group: "hidden",
  flags: ["no_record"],
  value: ({ usageDiscrepancies: count }) => count,
};
