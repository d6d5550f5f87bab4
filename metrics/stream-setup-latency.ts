/**
 * Stream setup latency: first byte of the response − sent. Means the acceptance of the request only at servers that answer before
 * the first token is ready. Formula and name: AIPerf, `stream_setup_latency`.
 */
import type { RecordMetric } from "./metric.ts";
import { milliseconds } from "./units.ts";

export const streamSetupLatency: RecordMetric = {
  tag: "stream_setup_latency",
  header: "Stream Setup Latency",
  unit: "ms",
  consoleOrder: undefined,
  isLargerBetter: false,
  flags: ["streaming"],
  value: ({ firstByteNs, isStreaming }) => (isStreaming ? milliseconds(firstByteNs) : undefined),
};
