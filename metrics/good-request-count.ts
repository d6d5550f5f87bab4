/**
 * Succeeded requests that met every objective of `--goodput`; one without a value of such a metric has not met it. Undefined where
 * there are no objectives. Name: AIPerf, `good_request_count`.
 */
import type { RunMetric } from "./metric.ts";

export const goodRequestCount: RunMetric = {
  tag: "good_request_count",
  header: "Good Request Count",
  unit: "requests",
  consoleOrder: undefined,
  isLargerBetter: true,
  value: ({ goodRequestCount: count }) => count,
};
