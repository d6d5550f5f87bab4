/**
 * First moment that a succeeded request was sent, wall time in ns since the Unix epoch (exact to 256 ns, as far as a double goes).
 * Name: AIPerf, `min_request_timestamp`.
 */
import type { RunMetric } from "./metric.ts";

export const minRequestTimestamp: RunMetric = {
  tag: "min_request_timestamp",
  header: "Minimum Request Timestamp",
  unit: "ns",
  consoleOrder: undefined,
  isLargerBetter: false,
  flags: ["internal", "no_record"],
  value: ({ firstSentNs, wallOffsetNs }) => (firstSentNs === undefined ? undefined : firstSentNs + wallOffsetNs),
};
