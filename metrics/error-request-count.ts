/**
 * Requests that failed, cancelled ones included. Name: AIPerf, `error_request_count`.
 */
import type { RunMetric } from "./metric.ts";

export const errorRequestCount: RunMetric = {
  tag: "error_request_count",
  header: "Error Request Count",
  unit: "requests",
  consoleOrder: undefined,
  isLargerBetter: false,
  flags: ["error_only", "no_record"],
  value: ({ errorRequestCount: count }) => count,
};
