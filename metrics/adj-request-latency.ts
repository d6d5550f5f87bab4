/**
 * The distribution of `request_latency` with every failed or cancelled request in it as one that takes for ever: percentiles
 * that errors cannot improve. What such a request reaches has no finite value. Name: AIPerf, `adj_request_latency`.
 */

import type { DerivedMetric } from "./metric.ts";
import { requestLatency } from "./request-latency.ts";

export const adjRequestLatency: DerivedMetric = {
  tag: "adj_request_latency",
  header: "Adjusted Request Latency",
  unit: "ms",
  consoleOrder: undefined,
  isLargerBetter: false,
  flags: ["no_record"],
  of: requestLatency.tag,
};
