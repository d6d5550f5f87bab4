/**
 * Response time: last chunk with content − due. What somebody who wanted the answer at the scheduled moment waited, the wait to be
 * sent included, so that a slow target cannot hide behind late requests (coordinated omission). Without a schedule it is the request latency.
 * Assay's own; the anchor is that of wrk2 and of MLPerf LoadGen.
 */
import type { RecordMetric } from "./metric.ts";
import { milliseconds } from "./units.ts";

export const responseTime: RecordMetric = {
  tag: "response_time",
  header: "Response Time",
  unit: "ms",
  consoleOrder: 303,
  isLargerBetter: false,
  value: ({ contentNs, dueNs }) => {
    const last = contentNs[contentNs.length - 1];
    return last === undefined ? undefined : milliseconds(last - (dueNs ?? 0));
  },
};
