/** Request written to the first byte of the body of the answer. Name and formula: AIPerf, `http_req_waiting`. */
import { waitingNs } from "./http-steps.ts";
import type { RecordMetric } from "./metric.ts";
import { milliseconds } from "./units.ts";

export const httpReqWaiting: RecordMetric = {
  tag: "http_req_waiting",
  header: "HTTP Waiting (TTFB)",
  unit: "ms",
  consoleOrder: undefined,
  isLargerBetter: false,
  flags: ["trace"],
  value: (facts) => milliseconds(waitingNs(facts)),
};
