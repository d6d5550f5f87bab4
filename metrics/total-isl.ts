/**
 * Sum of input sequence length over the succeeded requests. Name: AIPerf, `total_isl`.
 */
import { inputSequenceLength } from "./input-sequence-length.ts";
import type { RunMetric } from "./metric.ts";

export const totalIsl: RunMetric = {
  tag: "total_isl",
  header: "Total Input Sequence Length",
  unit: "tokens",
  consoleOrder: undefined,
  isLargerBetter: true,
  value: ({ sum }) => sum(inputSequenceLength.tag),
};
