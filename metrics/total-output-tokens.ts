/**
 * Sum of output token count over the succeeded requests. Name: AIPerf, `total_output_tokens`.
 */
import type { RunMetric } from "./metric.ts";
import { outputTokenCount } from "./output-token-count.ts";

export const totalOutputTokens: RunMetric = {
  tag: "total_output_tokens",
  header: "Total Output Tokens",
  unit: "tokens",
  consoleOrder: undefined,
  isLargerBetter: true,
  value: ({ sum }) => sum(outputTokenCount.tag),
};
