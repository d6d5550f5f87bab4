/**
 * Energy of the GPUs / output tokens of succeeded requests, in millijoules. Formula and name: AIPerf, `nvidia_energy_per_output_token`, `amd_energy_per_output_token`.
 */
import { ofVendors, ratioOf } from "./gpu-efficiency.ts";

export const energyPerOutputToken = ofVendors({
  tag: "energy_per_output_token",
  header: "Energy per Output Token",
  unit: "mJ/token",
  consoleOrder: 750,
  isLargerBetter: false,
  value: ({ joules }, { sum }) => {
    const perToken = ratioOf(joules, sum("output_sequence_length"));
    return perToken && perToken * 1000;
  },
});
