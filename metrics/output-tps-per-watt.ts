/**
 * Output token throughput / average power of the GPUs. Formula and name: AIPerf, `nvidia_output_tps_per_watt`, `amd_output_tps_per_watt`.
 */
import { ofVendors, ratioOf } from "./gpu-efficiency.ts";
import { outputTokenThroughput } from "./output-token-throughput.ts";

export const outputTpsPerWatt = ofVendors({
  tag: "output_tps_per_watt",
  header: "Output Tokens per Second per Watt",
  unit: "tokens/sec/W",
  consoleOrder: 712,
  isLargerBetter: true,
  value: ({ averageWatts }, facts) => ratioOf(outputTokenThroughput.value(facts), averageWatts),
});
