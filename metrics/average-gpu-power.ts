/**
 * Energy of the GPUs over the time between the scrapes that it was read in. Name: AIPerf, `nvidia_average_gpu_power`, `amd_average_gpu_power`, which divides by the duration of the phase.
 */
import { ofVendors } from "./gpu-efficiency.ts";

export const averageGpuPower = ofVendors({
  tag: "average_gpu_power",
  header: "Average GPU Power",
  unit: "W",
  consoleOrder: 720,
  isLargerBetter: false,
  value: ({ averageWatts }) => averageWatts,
});
