/**
 * Succeeded requests whose output is further from the length that was asked for than 5 % of it or 50 tokens, whichever is less;
 * undefined where none was asked for. Formula and name: AIPerf, `osl_mismatch_count`.
 */
import type { RunMetric } from "./metric.ts";

export const oslMismatchCount: RunMetric = {
  tag: "osl_mismatch_count",
  header: "OSL Mismatch Count",
  unit: "requests",
  consoleOrder: undefined,
  isLargerBetter: false,
  group: "hidden",
  flags: ["no_record"],
  value: ({ lengthMismatches: count }) => count,
};
