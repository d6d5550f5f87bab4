/**
 * Input sequence length of a request that failed, as the dataset counted it. Name: AIPerf, `error_isl`.
 */
import type { RecordMetric } from "./metric.ts";

export const errorIsl: RecordMetric = {
  tag: "error_isl",
  header: "Error Input Sequence Length",
  unit: "tokens",
  consoleOrder: undefined,
  isLargerBetter: true,
  flags: ["error_only"],
  isOfFailures: true,
  value: ({ isFailed, inputTokens }) => (isFailed ? inputTokens : undefined),
};
