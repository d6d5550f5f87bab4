/**
 * Credit to start latency: sent − the later of due and issued, what a request that was due and permitted waited at the client. None without a
 * schedule: credits are issued ahead then. Name: AIPerf, `credit_to_start_latency`, which counts from the issue alone.
 */
import type { RecordMetric } from "./metric.ts";

export const creditToStartLatency: RecordMetric = {
  tag: "credit_to_start_latency",
  header: "Credit To Start Latency",
  unit: "ms",
  consoleOrder: undefined,
  isLargerBetter: false,
  group: "hidden",
  value: ({ dueNs, issuedNs }) => (dueNs === undefined ? undefined : (0 - Math.max(dueNs, issuedNs)) / 1e6),
};
