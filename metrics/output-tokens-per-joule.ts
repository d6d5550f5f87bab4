/**
 * Output tokens of succeeded requests / energy of the GPUs. Formula and name: AIPerf, `nvidia_output_tokens_per_joule`, `amd_output_tokens_per_joule`.
 */
import { ofVendors, ratioOf } from "./gpu-efficiency.ts";

export const outputTokensPerJoule = ofVendors({
  tag: "output_tokens_per_joule",
  header: "Output Tokens per Joule",
  unit: "tokens/J",
  consoleOrder: 760,
  isLargerBetter: true,
  value: ({ joules }, { sum }) => ratioOf(sum("output_sequence_length"), joules),
});
