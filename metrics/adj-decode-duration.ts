/**
 * The distribution of `decode_duration` with every failed or cancelled request in it as one that takes for ever: percentiles
 * that errors cannot improve. What such a request reaches has no finite value. Name: AIPerf, `adj_decode_duration`.
 */
import { decodeDuration } from "./decode-duration.ts";
import type { DerivedMetric } from "./metric.ts";

export const adjDecodeDuration: DerivedMetric = {
  tag: "adj_decode_duration",
  header: "Adjusted Decode Duration",
  unit: "ms",
  consoleOrder: undefined,
  isLargerBetter: false,
  flags: ["streaming", "no_record"],
  of: decodeDuration.tag,
};
