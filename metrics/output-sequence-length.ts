/**
 * Output sequence length: output token count + reasoning token count. Formula and name: AIPerf, `output_sequence_length`.
 */
import type { RecordMetric } from "./metric.ts";

export const outputSequenceLength: RecordMetric = {
  tag: "output_sequence_length",
  header: "Output Sequence Length",
  unit: "tokens",
  consoleOrder: 600,
  isLargerBetter: true,
  value: ({ outputTokens, reasoningTokens }) =>
    outputTokens === undefined && reasoningTokens === undefined ? undefined : (outputTokens ?? 0) + (reasoningTokens ?? 0),
};
