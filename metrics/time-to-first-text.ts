/** Time to first text: first chunk with text that is neither reasoning nor a piece of a tool call − sent. */
import type { RecordMetric } from "./metric.ts";
import { milliseconds } from "./units.ts";

export const timeToFirstText: RecordMetric = {
  tag: "time_to_first_text",
  header: "Time to First Text",
  unit: "ms",
  consoleOrder: undefined,
  isLargerBetter: false,
  flags: ["streaming"],
  value: ({ firsts, isStreaming }) => (isStreaming ? milliseconds(firsts?.textNs) : undefined),
};
