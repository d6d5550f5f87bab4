/**
 * Request throughput / average power of the GPUs. Formula and name: AIPerf, `nvidia_performance_per_watt`, `amd_performance_per_watt`.
 */
import { ofVendors, ratioOf } from "./gpu-efficiency.ts";
import { requestThroughput } from "./request-throughput.ts";

export const performancePerWatt = ofVendors({
  tag: "performance_per_watt",
  header: "Performance per Watt",
  unit: "requests/sec/W",
  consoleOrder: 710,
  isLargerBetter: true,
  value: ({ averageWatts }, facts) => ratioOf(requestThroughput.value(facts), averageWatts),
});
