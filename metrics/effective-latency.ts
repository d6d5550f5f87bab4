/**
 * Effective latency: end − the later of due and issued. None without a schedule. `response_time` counts from due, whatever held the
 * request back. Name: AIPerf, `effective_latency`, which counts from the issue alone.
 */
import type { RecordMetric } from "./metric.ts";

export const effectiveLatency: RecordMetric = {
  tag: "effective_latency",
  header: "Effective Latency",
  unit: "ms",
  consoleOrder: undefined,
  isLargerBetter: false,
  group: "hidden",
  value: ({ dueNs, issuedNs, endNs }) => (dueNs === undefined ? undefined : (endNs - Math.max(dueNs, issuedNs)) / 1e6),
};
