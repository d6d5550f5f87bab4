/**
 * Time in the server's queue: from the arrival of a request at the server until it is first scheduled, on the server's clock.
 */
import type { RecordMetric } from "./metric.ts";
import { milliseconds } from "./units.ts";

export const serverQueueTime: RecordMetric = {
  tag: "server_queue_time",
  header: "Server Queue Time",
  unit: "ms",
  consoleOrder: 105,
  isLargerBetter: false,
  value: ({ serverTimes }) => milliseconds(serverTimes?.scheduledNs),
};
