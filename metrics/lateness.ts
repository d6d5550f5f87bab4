/**
 * Lateness: sent − due. What the client, not the target, was late; negative where a timer fired early. None without a schedule.
 * Assay's own.
 */
import type { RecordMetric } from "./metric.ts";
import { milliseconds } from "./units.ts";

export const lateness: RecordMetric = {
  tag: "lateness",
  header: "Lateness",
  unit: "ms",
  consoleOrder: 320,
  isLargerBetter: false,
  isOfFailures: true,
  value: ({ dueNs }) => (dueNs === undefined ? undefined : milliseconds(0 - dueNs)),
};
