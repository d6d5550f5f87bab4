/**
 * Goodput / average power of the GPUs. Formula and name: AIPerf, `nvidia_goodput_per_watt`, `amd_goodput_per_watt`.
 */

import { goodput } from "./goodput.ts";
import { ofVendors, ratioOf } from "./gpu-efficiency.ts";

export const goodputPerWatt = ofVendors({
  tag: "goodput_per_watt",
  header: "Goodput per Watt",
  unit: "goodput/W",
  consoleOrder: 714,
  isLargerBetter: true,
  value: ({ averageWatts }, facts) => ratioOf(goodput.value(facts), averageWatts),
});
