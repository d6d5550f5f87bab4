/**
 * Overall thinking efficiency: Σ reasoning tokens / Σ output tokens other than reasoning. Formula and name: AIPerf,
 * `overall_thinking_efficiency`.
 */
import type { RunMetric } from "./metric.ts";
import { outputTokenCount } from "./output-token-count.ts";
import { reasoningTokenCount } from "./reasoning-token-count.ts";
import { ratioOf } from "./units.ts";

export const overallThinkingEfficiency: RunMetric = {
  tag: "overall_thinking_efficiency",
  header: "Overall Thinking Efficiency",
  unit: "ratio",
  consoleOrder: undefined,
  isLargerBetter: false,
  group: "hidden",
  flags: ["experimental"],
  value: ({ sum }) => ratioOf(sum(reasoningTokenCount.tag), sum(outputTokenCount.tag)),
};
