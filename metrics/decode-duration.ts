/**
 * Decode duration: request latency − time to first token. Formula and name: AIPerf, `decode_duration`.
 */
import type { RecordMetric } from "./metric.ts";
import { milliseconds } from "./units.ts";

export const decodeDuration: RecordMetric = {
  tag: "decode_duration",
  header: "Decode Duration",
  unit: "ms",
  consoleOrder: 350,
  isLargerBetter: false,
  flags: ["streaming"],
  value: ({ contentNs, isStreaming }) => {
    const first = contentNs[0];
    const last = contentNs[contentNs.length - 1];
    return isStreaming && first !== undefined && last !== undefined ? milliseconds(last - first) : undefined;
  },
};
