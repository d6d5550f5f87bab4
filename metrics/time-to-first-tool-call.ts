/** Time to first tool call: first chunk with a piece of a tool call − sent. */
import type { RecordMetric } from "./metric.ts";
import { milliseconds } from "./units.ts";

export const timeToFirstToolCall: RecordMetric = {
  tag: "time_to_first_tool_call",
  header: "Time to First Tool Call",
  unit: "ms",
  consoleOrder: 215,
  isLargerBetter: false,
  flags: ["streaming"],
  value: ({ firsts, isStreaming }) => (isStreaming ? milliseconds(firsts?.callNs) : undefined),
};
