/**
 * Energy of the GPUs / succeeded requests. Formula and name: AIPerf, `nvidia_energy_per_request`, `amd_energy_per_request`.
 */
import { ofVendors, ratioOf } from "./gpu-efficiency.ts";

export const energyPerRequest = ofVendors({
  tag: "energy_per_request",
  header: "Energy per Request",
  unit: "joules/request",
  consoleOrder: 755,
  isLargerBetter: false,
  value: ({ joules }, { requestCount }) => ratioOf(joules, requestCount),
});
