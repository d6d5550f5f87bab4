/**
 * Size of the request without its head, in KB of 1024 bytes. Name: AIPerf, `http_req_data_sent`.
 */
import type { RecordMetric } from "./metric.ts";
import { kilobytes } from "./units.ts";

export const httpReqDataSent: RecordMetric = {
  tag: "http_req_data_sent",
  header: "HTTP Data Sent",
  unit: "KB",
  consoleOrder: undefined,
  isLargerBetter: false,
  flags: ["trace"],
  isOfFailures: true,
  value: ({ requestBytes }) => kilobytes(requestBytes),
};
