/** Time to first event: first event of the stream, with content or without, − sent. A comment that keeps the connection alive is none. */
import type { RecordMetric } from "./metric.ts";
import { milliseconds } from "./units.ts";

export const timeToFirstEvent: RecordMetric = {
  tag: "time_to_first_event",
  header: "Time to First Event",
  unit: "ms",
  consoleOrder: undefined,
  isLargerBetter: false,
  flags: ["streaming"],
  value: ({ firsts, isStreaming }) => (isStreaming ? milliseconds(firsts?.eventNs) : undefined),
};
