/**
 * Request throughput: succeeded requests / benchmark duration. Formula and name: AIPerf, `request_throughput`.
 */
import { perDuration } from "./benchmark-duration.ts";
import type { RunMetric } from "./metric.ts";

export const requestThroughput: RunMetric = {
  tag: "request_throughput",
  header: "Request Throughput",
  unit: "requests/sec",
  consoleOrder: 900,
  isLargerBetter: true,
  value: (facts) => perDuration(facts.requestCount, facts),
};
