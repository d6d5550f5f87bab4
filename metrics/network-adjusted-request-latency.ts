/**
 * Each statistic of `request_latency` less the round trip of the network (`network_rtt`), at least 0. Only with `--network-
 * latency-mean` or `--network-latency-automatic`. Formula and name: AIPerf, `network_adjusted_request_latency`.
 */

import type { DerivedMetric } from "./metric.ts";
import { requestLatency } from "./request-latency.ts";

export const networkAdjustedRequestLatency: DerivedMetric = {
  tag: "network_adjusted_request_latency",
  header: "Network-Adjusted Request Latency",
  unit: "ms",
  consoleOrder: 301,
  isLargerBetter: false,
  flags: ["no_record"],
  of: requestLatency.tag,
};
