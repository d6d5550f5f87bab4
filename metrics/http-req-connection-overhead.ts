/** Everything before the request was sent: blocked + name + connecting. Name and formula: AIPerf, `http_req_connection_overhead`. */
import { overheadNs } from "./http-steps.ts";
import type { RecordMetric } from "./metric.ts";
import { milliseconds } from "./units.ts";

export const httpReqConnectionOverhead: RecordMetric = {
  tag: "http_req_connection_overhead",
  header: "HTTP Connection Overhead",
  unit: "ms",
  consoleOrder: undefined,
  isLargerBetter: false,
  flags: ["trace"],
  value: (facts) => milliseconds(overheadNs(facts)),
};
