/**
 * Energy of the GPUs / requests or sessions at once that were asked for; none where the load is no number of them. Formula and name: AIPerf, `nvidia_energy_per_user`, `amd_energy_per_user`.
 */
import { ofVendors, ratioOf } from "./gpu-efficiency.ts";

export const energyPerUser = ofVendors({
  tag: "energy_per_user",
  header: "Energy per User",
  unit: "joules/user",
  consoleOrder: 765,
  isLargerBetter: false,
  value: ({ joules }, { concurrency }) => ratioOf(joules, concurrency),
});
