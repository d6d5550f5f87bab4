/**
 * Sum of input sequence length over the failed requests. Name: AIPerf, `total_error_isl`.
 */
import { errorIsl } from "./error-isl.ts";
import type { RunMetric } from "./metric.ts";

export const totalErrorIsl: RunMetric = {
  tag: "total_error_isl",
  header: "Total Error Input Sequence Length",
  unit: "tokens",
  consoleOrder: undefined,
  isLargerBetter: true,
  flags: ["error_only", "no_record"],
  value: ({ sum }) => sum(errorIsl.tag),
};
