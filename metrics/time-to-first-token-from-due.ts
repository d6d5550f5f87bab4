/**
 * Time to first token from due: first chunk with content − due. To the time to first token what the response time is to the request latency: the
 * wait to be sent is in it. None without a schedule, where it would be the time to first token once more.
 */
import type { RecordMetric } from "./metric.ts";
import { milliseconds } from "./units.ts";

export const timeToFirstTokenFromDue: RecordMetric = {
  tag: "time_to_first_token_from_due",
  header: "Time to First Token from Due",
  unit: "ms",
  consoleOrder: 102,
  isLargerBetter: false,
  flags: ["streaming"],
  value: ({ contentNs: [firstNs], dueNs, isStreaming }) =>
    !isStreaming || firstNs === undefined || dueNs === undefined ? undefined : milliseconds(firstNs - dueNs),
};
