/**
 * Requests that ended, either way: request count + error request count. Formula and name: AIPerf, `completed_request_count`.
 */
import type { RunMetric } from "./metric.ts";

export const completedRequestCount: RunMetric = {
  tag: "completed_request_count",
  header: "Completed Requests (Success + Error)",
  unit: "requests",
  consoleOrder: 1075,
  isLargerBetter: false,
  flags: ["no_record"],
  value: ({ requestCount, errorRequestCount }) => requestCount + errorRequestCount,
};
