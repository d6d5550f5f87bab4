/**
 * Thinking efficiency: reasoning tokens / output tokens other than reasoning. Formula and name: AIPerf, `thinking_efficiency`.
 */
import type { RecordMetric } from "./metric.ts";
import { ratioOf } from "./units.ts";

export const thinkingEfficiency: RecordMetric = {
  tag: "thinking_efficiency",
  header: "Thinking Efficiency",
  unit: "ratio",
  consoleOrder: undefined,
  isLargerBetter: false,
  flags: ["experimental"],
  value: ({ reasoningTokens, outputTokens }) => ratioOf(reasoningTokens, outputTokens),
};
