/** Time to first reasoning: first chunk with reasoning − sent. */
import type { RecordMetric } from "./metric.ts";
import { milliseconds } from "./units.ts";

export const timeToFirstReasoning: RecordMetric = {
  tag: "time_to_first_reasoning",
  header: "Time to First Reasoning",
  unit: "ms",
  consoleOrder: undefined,
  isLargerBetter: false,
  flags: ["streaming"],
  value: ({ firsts, isStreaming }) => (isStreaming ? milliseconds(firsts?.reasoningNs) : undefined),
};
