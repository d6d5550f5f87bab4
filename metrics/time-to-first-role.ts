/**
 * Time to first role: first event that names who speaks and has no content − sent; none where the role comes with the first content.
 * vLLM and SGLang send it when the first token is there, others when the request is accepted.
 */
import type { RecordMetric } from "./metric.ts";
import { milliseconds } from "./units.ts";

export const timeToFirstRole: RecordMetric = {
  tag: "time_to_first_role",
  header: "Time to First Role",
  unit: "ms",
  consoleOrder: undefined,
  isLargerBetter: false,
  flags: ["streaming"],
  value: ({ firsts, isStreaming }) => (isStreaming ? milliseconds(firsts?.roleNs) : undefined),
};
