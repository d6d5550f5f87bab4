/**
 * Goodput: good request count / benchmark duration. Formula and name: AIPerf, `goodput`.
 */
import { perDuration } from "./benchmark-duration.ts";
import type { RunMetric } from "./metric.ts";

export const goodput: RunMetric = {
  tag: "goodput",
  header: "Goodput",
  unit: "requests/sec",
  consoleOrder: 1000,
  isLargerBetter: true,
  value: (facts) => perDuration(facts.goodRequestCount, facts),
};
