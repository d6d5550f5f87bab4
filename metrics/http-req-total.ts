/**
 * The six steps together: blocked + name + connecting + sending + waiting + receiving. It ends with the last byte of the body, where
 * `http_req_duration` ends with the answer. Name and formula: AIPerf, `http_req_total`.
 */
import { overheadNs, receivingNs, sendingNs, waitingNs } from "./http-steps.ts";
import type { RecordMetric } from "./metric.ts";
import { milliseconds } from "./units.ts";

export const httpReqTotal: RecordMetric = {
  tag: "http_req_total",
  header: "HTTP Total Time",
  unit: "ms",
  consoleOrder: undefined,
  isLargerBetter: false,
  flags: ["trace"],
  value(facts) {
    const beforeNs = overheadNs(facts);
    const sentNs = sendingNs(facts);
    const waitedNs = waitingNs(facts);
    if (beforeNs === undefined || sentNs === undefined || waitedNs === undefined) return undefined;
    return milliseconds(beforeNs + sentNs + waitedNs + receivingNs(facts));
  },
};
