/**
 * Sum over the GPUs of the mean of their samples of power. Formula and name: AIPerf, `nvidia_total_gpu_power`, `amd_total_gpu_power`.
 */
import { ofVendors } from "./gpu-efficiency.ts";

export const totalGpuPower = ofVendors({
  tag: "total_gpu_power",
  header: "Total GPU Power",
  unit: "W",
  consoleOrder: 740,
  isLargerBetter: false,
  value: ({ sampledWatts }) => sampledWatts,
});
