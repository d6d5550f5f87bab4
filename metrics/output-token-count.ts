/**
 * Output token count: tokens of output other than reasoning. Name: AIPerf, `output_token_count`.
 */
import type { RecordMetric } from "./metric.ts";

export const outputTokenCount: RecordMetric = {
  tag: "output_token_count",
  header: "Output Token Count",
  unit: "tokens",
  consoleOrder: undefined,
  isLargerBetter: true,
  value: ({ outputTokens }) => outputTokens,
};
