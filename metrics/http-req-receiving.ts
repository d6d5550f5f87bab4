/** First to last byte of the body of the answer; 0 where it came in one read. Name and formula: AIPerf, `http_req_receiving`. */
import { receivingNs } from "./http-steps.ts";
import type { RecordMetric } from "./metric.ts";
import { milliseconds } from "./units.ts";

export const httpReqReceiving: RecordMetric = {
  tag: "http_req_receiving",
  header: "HTTP Receiving",
  unit: "ms",
  consoleOrder: undefined,
  isLargerBetter: false,
  flags: ["trace"],
  value: (facts) => milliseconds(receivingNs(facts)),
};
