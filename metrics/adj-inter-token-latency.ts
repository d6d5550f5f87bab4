/**
 * The distribution of `inter_token_latency` with every failed or cancelled request in it as one that takes for ever: percentiles
 * that errors cannot improve. What such a request reaches has no finite value. Name: AIPerf, `adj_inter_token_latency`.
 */
import { interTokenLatency } from "./inter-token-latency.ts";
import type { DerivedMetric } from "./metric.ts";

export const adjInterTokenLatency: DerivedMetric = {
  tag: "adj_inter_token_latency",
  header: "Adjusted Inter Token Latency",
  unit: "ms",
  consoleOrder: undefined,
  isLargerBetter: false,
  flags: ["streaming", "no_record"],
  of: interTokenLatency.tag,
};
