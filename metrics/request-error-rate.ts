/**
 * Request error rate: 100 · failed / (succeeded + failed). Formula and name: AIPerf, `request_error_rate`.
 */
import type { RunMetric } from "./metric.ts";

export const requestErrorRate: RunMetric = {
  tag: "request_error_rate",
  header: "Request Error Rate",
  unit: "%",
  consoleOrder: 1080,
  isLargerBetter: false,
  flags: ["no_record"],
  value: ({ requestCount, errorRequestCount }) => {
    const completed = requestCount + errorRequestCount;
    return completed === 0 ? undefined : (100 * errorRequestCount) / completed;
  },
};
