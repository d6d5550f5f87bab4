/**
 * Sum of `usage_accepted_prediction_tokens` over the succeeded requests. Name: AIPerf, `total_usage_accepted_prediction_tokens`.
 */
import type { RunMetric } from "./metric.ts";
import { usageAcceptedPredictionTokens } from "./usage-accepted-prediction-tokens.ts";

export const totalUsageAcceptedPredictionTokens: RunMetric = {
  tag: "total_usage_accepted_prediction_tokens",
  header: "Total Usage Accepted Prediction Tokens",
  unit: "tokens",
  consoleOrder: undefined,
  isLargerBetter: true,
  group: "hidden",
  value: ({ sum }) => sum(usageAcceptedPredictionTokens.tag),
};
