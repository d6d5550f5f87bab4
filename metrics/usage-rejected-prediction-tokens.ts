/**
 * Tokens of the request's predicted output that the answer does not have, as the server's last usage says. Name: AIPerf,
 * `usage_rejected_prediction_tokens`.
 */
import type { RecordMetric } from "./metric.ts";

export const usageRejectedPredictionTokens: RecordMetric = {
  tag: "usage_rejected_prediction_tokens",
  header: "Usage Rejected Prediction Tokens",
  unit: "tokens",
  consoleOrder: undefined,
  isLargerBetter: false,
  group: "hidden",
  value: ({ usage }) => usage?.rejectedPredictionTokens,
};
