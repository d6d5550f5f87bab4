/**
 * Time to first output token: first chunk with content other than reasoning − sent.
 * Formula and name: AIPerf, `time_to_first_output_token`.
 */
import type { RecordMetric } from "./metric.ts";
import { milliseconds } from "./units.ts";

export const timeToFirstOutputToken: RecordMetric = {
  tag: "time_to_first_output_token",
  header: "Time to First Output Token",
  unit: "ms",
  consoleOrder: 210,
  isLargerBetter: false,
  flags: ["streaming"],
  value: ({ firstOutputNs, isStreaming }) => (isStreaming ? milliseconds(firstOutputNs) : undefined),
};
