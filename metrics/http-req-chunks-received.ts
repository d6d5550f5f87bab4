/** Reads of the connection that carried body of the answer. Name: AIPerf, `http_req_chunks_received`. */
import type { RecordMetric } from "./metric.ts";

export const httpReqChunksReceived: RecordMetric = {
  tag: "http_req_chunks_received",
  header: "HTTP Chunks Received",
  unit: "count",
  consoleOrder: undefined,
  isLargerBetter: false,
  flags: ["trace"],
  value: ({ bodyReads }) => bodyReads,
};
