/**
 * Requests that succeeded. Name: AIPerf, `request_count`.
 */
import type { RunMetric } from "./metric.ts";

export const requestCount: RunMetric = {
  tag: "request_count",
  header: "Request Count",
  unit: "requests",
  consoleOrder: 1100,
  isLargerBetter: true,
  flags: ["no_record"],
  value: ({ requestCount: count }) => count,
};
