/**
 * Request latency: last chunk with content − sent. Usage, `[DONE]` and the end of the connection come after it and do not count.
 * Formula and name: AIPerf, `request_latency`.
 */
import type { RecordMetric } from "./metric.ts";
import { milliseconds } from "./units.ts";

export const requestLatency: RecordMetric = {
  tag: "request_latency",
  header: "Request Latency",
  unit: "ms",
  consoleOrder: 300,
  isLargerBetter: false,
  value: ({ contentNs }) => milliseconds(contentNs[contentNs.length - 1]),
};
