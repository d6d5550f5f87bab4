/** Stalls: gaps between neighbouring chunks with content that are at least `stall_threshold`, over the succeeded streams. */
import type { RunMetric } from "./metric.ts";

export const stallCount: RunMetric = {
  tag: "stall_count",
  header: "Stall Count",
  unit: "count",
  consoleOrder: undefined,
  isLargerBetter: false,
  group: "hidden",
  flags: ["streaming", "no_record"],
  value: ({ stalls }) => stalls?.gaps,
};
