/**
 * Each statistic of `time_to_first_output_token` less the round trip of the network (`network_rtt`), at least 0. Only with
 * `--network-latency-mean` or `--network-latency-automatic`. Formula and name: AIPerf,
 * `network_adjusted_time_to_first_output_token`.
 */

import type { DerivedMetric } from "./metric.ts";
import { timeToFirstOutputToken } from "./time-to-first-output-token.ts";

export const networkAdjustedTimeToFirstOutputToken: DerivedMetric = {
  tag: "network_adjusted_time_to_first_output_token",
  header: "Network-Adjusted Time to First Output Token",
  unit: "ms",
  consoleOrder: 211,
  isLargerBetter: false,
  flags: ["streaming", "no_record"],
  of: timeToFirstOutputToken.tag,
};
