/**
 * Stream prefill latency: time to first token − stream setup latency. Formula and name: AIPerf, `stream_prefill_latency`.
 */
import type { RecordMetric } from "./metric.ts";
import { milliseconds } from "./units.ts";

export const streamPrefillLatency: RecordMetric = {
  tag: "stream_prefill_latency",
  header: "Stream Prefill Latency",
  unit: "ms",
  consoleOrder: undefined,
  isLargerBetter: false,
  flags: ["streaming", "experimental"],
  value: ({ contentNs: [firstNs], firstByteNs, isStreaming }) =>
    isStreaming && firstNs !== undefined && firstByteNs !== undefined ? milliseconds(firstNs - firstByteNs) : undefined,
};
