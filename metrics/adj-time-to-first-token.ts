/**
 * The distribution of `time_to_first_token` with every failed or cancelled request in it as one that takes for ever: percentiles
 * that errors cannot improve. What such a request reaches has no finite value. Name: AIPerf, `adj_time_to_first_token`.
 */

import type { DerivedMetric } from "./metric.ts";
import { timeToFirstToken } from "./time-to-first-token.ts";

export const adjTimeToFirstToken: DerivedMetric = {
  tag: "adj_time_to_first_token",
  header: "Adjusted Time to First Token",
  unit: "ms",
  consoleOrder: undefined,
  isLargerBetter: false,
  flags: ["streaming", "no_record"],
  of: timeToFirstToken.tag,
};
