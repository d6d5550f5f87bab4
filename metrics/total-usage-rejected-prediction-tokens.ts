/**
 * Sum of `usage_rejected_prediction_tokens` over the succeeded requests. Name: AIPerf, `total_usage_rejected_prediction_tokens`.
 */
import type { RunMetric } from "./metric.ts";
import { usageRejectedPredictionTokens } from "./usage-rejected-prediction-tokens.ts";

export const totalUsageRejectedPredictionTokens: RunMetric = {
  tag: "total_usage_rejected_prediction_tokens",
  header: "Total Usage Rejected Prediction Tokens",
  unit: "tokens",
  consoleOrder: undefined,
  isLargerBetter: false,
  group: "hidden",
  value: ({ sum }) => sum(usageRejectedPredictionTokens.tag),
};
