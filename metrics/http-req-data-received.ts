/**
 * Size of the response's body, transfer encoding removed, in KB of 1024 bytes. Name: AIPerf, `http_req_data_received`.
 */
import type { RecordMetric } from "./metric.ts";
import { kilobytes } from "./units.ts";

export const httpReqDataReceived: RecordMetric = {
  tag: "http_req_data_received",
  header: "HTTP Data Received",
  unit: "KB",
  consoleOrder: undefined,
  isLargerBetter: false,
  flags: ["trace"],
  isOfFailures: true,
  value: ({ responseBytes }) => kilobytes(responseBytes),
};
