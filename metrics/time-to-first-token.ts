/**
 * Time to first token: first chunk with content − sent. A chunk with nothing but a role does not count, reasoning does.
 * Formula and name: AIPerf, `time_to_first_token`.
 */
import type { RecordMetric } from "./metric.ts";
import { milliseconds } from "./units.ts";

export const timeToFirstToken: RecordMetric = {
  tag: "time_to_first_token",
  header: "Time to First Token",
  unit: "ms",
  consoleOrder: 100,
  isLargerBetter: false,
  flags: ["streaming"],
  value: ({ contentNs, isStreaming }) => (isStreaming ? milliseconds(contentNs[0]) : undefined),
};
