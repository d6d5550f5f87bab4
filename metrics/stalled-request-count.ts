/** Succeeded requests with a stall: those whose `longest_inter_chunk_latency` is at least `stall_threshold`. */
import type { RunMetric } from "./metric.ts";

export const stalledRequestCount: RunMetric = {
  tag: "stalled_request_count",
  header: "Stalled Request Count",
  unit: "requests",
  consoleOrder: undefined,
  isLargerBetter: false,
  group: "hidden",
  flags: ["streaming", "no_record"],
  value: ({ stalls }) => stalls?.requests,
};
