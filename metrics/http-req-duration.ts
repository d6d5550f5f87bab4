/** Sent to the end of the answer, with what closes a stream. Name and formula: AIPerf, `http_req_duration`. */
import type { RecordMetric } from "./metric.ts";
import { milliseconds } from "./units.ts";

export const httpReqDuration: RecordMetric = {
  tag: "http_req_duration",
  header: "HTTP Duration (excl. conn)",
  unit: "ms",
  consoleOrder: undefined,
  isLargerBetter: false,
  flags: ["trace"],
  value: ({ endNs }) => milliseconds(endNs),
};
