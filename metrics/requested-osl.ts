/**
 * Requested output sequence length: the `max_tokens` or `max_completion_tokens` of the request. Name: AIPerf, `requested_osl`.
 */
import type { RecordMetric } from "./metric.ts";

export const requestedOsl: RecordMetric = {
  tag: "requested_osl",
  header: "Requested OSL",
  unit: "tokens",
  consoleOrder: undefined,
  isLargerBetter: false,
  flags: ["internal"],
  isOfFailures: true,
  value: ({ requestedOutputTokens }) => requestedOutputTokens,
};
