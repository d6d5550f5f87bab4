/** Waiting for a connection before the request was sent, without what opening one took. Name and formula: AIPerf, `http_req_blocked`. */
import { blockedNs } from "./http-steps.ts";
import type { RecordMetric } from "./metric.ts";
import { milliseconds } from "./units.ts";

export const httpReqBlocked: RecordMetric = {
  tag: "http_req_blocked",
  header: "HTTP Blocked",
  unit: "ms",
  consoleOrder: undefined,
  isLargerBetter: false,
  flags: ["trace"],
  value: (facts) => milliseconds(blockedNs(facts)),
};
