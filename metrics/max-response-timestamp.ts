/**
 * Last moment of a last chunk with content, wall time in ns since the Unix epoch (exact to 256 ns, as far as a double goes).
 * Name: AIPerf, `max_response_timestamp`.
 */
import type { RunMetric } from "./metric.ts";

export const maxResponseTimestamp: RunMetric = {
  tag: "max_response_timestamp",
  header: "Maximum Response Timestamp",
  unit: "ns",
  consoleOrder: undefined,
  isLargerBetter: false,
  flags: ["internal", "no_record"],
  value: ({ lastContentNs, wallOffsetNs }) => (lastContentNs === undefined ? undefined : lastContentNs + wallOffsetNs),
};
