/**
 * Tokens of the request's predicted output that the answer has, as the server's last usage says. Name: AIPerf,
 * `usage_accepted_prediction_tokens`.
 */
import type { RecordMetric } from "./metric.ts";

export const usageAcceptedPredictionTokens: RecordMetric = {
  tag: "usage_accepted_prediction_tokens",
  header: "Usage Accepted Prediction Tokens",
  unit: "tokens",
  consoleOrder: undefined,
  isLargerBetter: true,
  group: "hidden",
  value: ({ usage }) => usage?.acceptedPredictionTokens,
};
