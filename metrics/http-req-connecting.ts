/** Opening the connection once the name was resolved, TLS included; 0 where it was open. Name and formula: AIPerf, `http_req_connecting`. */
import { connectingNs } from "./http-steps.ts";
import type { RecordMetric } from "./metric.ts";
import { milliseconds } from "./units.ts";

export const httpReqConnecting: RecordMetric = {
  tag: "http_req_connecting",
  header: "HTTP Connecting",
  unit: "ms",
  consoleOrder: undefined,
  isLargerBetter: false,
  flags: ["trace"],
  value: (facts) => milliseconds(connectingNs(facts)),
};
