/**
 * Energy per request × mean request latency in seconds. Formula and name: AIPerf, `nvidia_energy_delay_product`, `amd_energy_delay_product`.
 */
import { ofVendors, ratioOf } from "./gpu-efficiency.ts";

export const energyDelayProduct = ofVendors({
  tag: "energy_delay_product",
  header: "Energy Delay Product",
  unit: "J*s",
  consoleOrder: 700,
  isLargerBetter: false,
  value: ({ joules }, { requestCount, statistics }) => {
    const latencyMs = statistics("request_latency")?.avg;
    const perRequest = ratioOf(joules, requestCount);
    return latencyMs === undefined || perRequest === undefined ? undefined : perRequest * (latencyMs / 1000);
  },
});
