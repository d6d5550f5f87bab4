/**
 * Sum of output sequence length over the succeeded requests. Name: AIPerf, `total_osl`.
 */
import type { RunMetric } from "./metric.ts";
import { outputSequenceLength } from "./output-sequence-length.ts";

export const totalOsl: RunMetric = {
  tag: "total_osl",
  header: "Total Output Sequence Length",
  unit: "tokens",
  consoleOrder: undefined,
  isLargerBetter: true,
  value: ({ sum }) => sum(outputSequenceLength.tag),
};
