/**
 * Each statistic of `time_to_first_token` less the round trip of the network (`network_rtt`), at least 0. Only with `--network-
 * latency-mean` or `--network-latency-automatic`. Formula and name: AIPerf, `network_adjusted_time_to_first_token`.
 */

import type { DerivedMetric } from "./metric.ts";
import { timeToFirstToken } from "./time-to-first-token.ts";

export const networkAdjustedTimeToFirstToken: DerivedMetric = {
  tag: "network_adjusted_time_to_first_token",
  header: "Network-Adjusted Time to First Token",
  unit: "ms",
  consoleOrder: 101,
  isLargerBetter: false,
  flags: ["streaming", "no_record"],
  of: timeToFirstToken.tag,
};
