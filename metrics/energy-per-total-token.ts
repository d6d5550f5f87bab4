/**
 * Energy of the GPUs / input and output tokens of succeeded requests, in millijoules. Formula and name: AIPerf, `nvidia_energy_per_total_token`, `amd_energy_per_total_token`.
 */
import { ofVendors, ratioOf } from "./gpu-efficiency.ts";

export const energyPerTotalToken = ofVendors({
  tag: "energy_per_total_token",
  header: "Energy per Total Token",
  unit: "mJ/token",
  consoleOrder: 745,
  isLargerBetter: false,
  value: ({ joules }, { sum }) => {
    const tokens = (sum("input_sequence_length") ?? 0) + (sum("output_sequence_length") ?? 0);
    const perToken = ratioOf(joules, tokens);
    return perToken && perToken * 1000;
  },
});
