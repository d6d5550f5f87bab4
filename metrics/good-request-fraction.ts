/**
 * Good request count / (succeeded + failed requests), so that errors lower it. Formula, name and header: AIPerf, `good_request_fraction`.
 */
import type { RunMetric } from "./metric.ts";

export const goodRequestFraction: RunMetric = {
  tag: "good_request_fraction",
  header: "GoodRequestFraction",
  unit: "ratio",
  consoleOrder: undefined,
  isLargerBetter: true,
  value: ({ goodRequestCount, requestCount, errorRequestCount }) => {
    const completed = requestCount + errorRequestCount;
    return goodRequestCount === undefined || completed === 0 ? undefined : goodRequestCount / completed;
  },
};
