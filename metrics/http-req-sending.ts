/** Sent to the last byte of the request with the kernel. Name and formula: AIPerf, `http_req_sending`. */
import { sendingNs } from "./http-steps.ts";
import type { RecordMetric } from "./metric.ts";
import { milliseconds } from "./units.ts";

export const httpReqSending: RecordMetric = {
  tag: "http_req_sending",
  header: "HTTP Sending",
  unit: "ms",
  consoleOrder: undefined,
  isLargerBetter: false,
  flags: ["trace"],
  value: (facts) => milliseconds(sendingNs(facts)),
};
