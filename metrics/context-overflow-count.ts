/**
 * Failed requests whose prompt was too long for the target. Name: AIPerf, `context_overflow_count`.
 */
import type { RunMetric } from "./metric.ts";

export const contextOverflowCount: RunMetric = {
  tag: "context_overflow_count",
  header: "Context Overflow Count",
  unit: "requests",
  consoleOrder: undefined,
  isLargerBetter: false,
  group: "hidden",
  flags: ["error_only", "no_record"],
  value: ({ errorCount }) => errorCount("context_overflow"),
};
