/**
 * Energy of all GPUs over the phase: what their counters of energy rose by, or where there are none, power × time. Each board counts once, however many instances it is parted into. Name: AIPerf, `nvidia_total_gpu_energy`, `amd_total_gpu_energy`.
 */
import { ofVendors } from "./gpu-efficiency.ts";

export const totalGpuEnergy = ofVendors({
  tag: "total_gpu_energy",
  header: "Total GPU Energy",
  unit: "J",
  consoleOrder: 730,
  isLargerBetter: false,
  value: ({ joules }) => joules,
});
