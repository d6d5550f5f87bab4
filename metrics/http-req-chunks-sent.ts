/** Pieces in which the body of the request was handed to its connection: Assay hands it over whole. Name: AIPerf, `http_req_chunks_sent`. */
import type { RecordMetric } from "./metric.ts";

export const httpReqChunksSent: RecordMetric = {
  tag: "http_req_chunks_sent",
  header: "HTTP Chunks Sent",
  unit: "count",
  consoleOrder: undefined,
  isLargerBetter: false,
  flags: ["trace"],
  value: ({ requestBytes }) => (requestBytes === 0 ? 0 : 1),
};
