/**
 * The gap from which on a stream stalls: `--stall-threshold`, else the larger of 3 × m and m + 150 ms, m being the median of all gaps of the phase.
 * The rule is that of WebRTC's `freezeCount`, with the median in place of the mean, which stalls would move.
 */
import type { RunMetric } from "./metric.ts";

export const stallThreshold: RunMetric = {
  tag: "stall_threshold",
  header: "Stall Threshold",
  unit: "ms",
  consoleOrder: undefined,
  isLargerBetter: false,
  group: "hidden",
  flags: ["streaming", "no_record"],
  value: ({ stalls }) => stalls?.thresholdMs,
};
