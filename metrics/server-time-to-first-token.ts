/**
 * Server's own time to first token: from the arrival of a request at the server to its first token, on the server's clock. What
 * `time_to_first_token` has on top is the way there and back, and whatever stands before the model.
 */
import type { RecordMetric } from "./metric.ts";
import { milliseconds } from "./units.ts";

export const serverTimeToFirstToken: RecordMetric = {
  tag: "server_time_to_first_token",
  header: "Server Time to First Token",
  unit: "ms",
  consoleOrder: 104,
  isLargerBetter: false,
  value: ({ serverTimes }) => milliseconds(serverTimes?.firstTokenNs),
};
