/**
 * Input sequence length: tokens of the prompt, by the server's usage where it sends one (0 is none), else as the dataset counted them.
 * Name: AIPerf, `input_sequence_length` (which counts itself unless told to use the server's).
 */
import type { RecordMetric } from "./metric.ts";

export const inputSequenceLength: RecordMetric = {
  tag: "input_sequence_length",
  header: "Input Sequence Length",
  unit: "tokens",
  consoleOrder: 700,
  isLargerBetter: true,
  value: ({ inputTokens }) => inputTokens,
};
