/** 1 where the connection had carried a request before, else 0; the mean is the share of those. Name: AIPerf, `http_req_connection_reused`. */
import type { RecordMetric } from "./metric.ts";

export const httpReqConnectionReused: RecordMetric = {
  tag: "http_req_connection_reused",
  header: "HTTP Connection Reused",
  unit: "ratio",
  consoleOrder: undefined,
  isLargerBetter: false,
  flags: ["trace"],
  value: ({ isConnectionReused }) => (isConnectionReused ? 1 : 0),
};
