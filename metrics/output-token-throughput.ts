/**
 * Output token throughput: total output sequence length / benchmark duration. Formula and name: AIPerf, `output_token_throughput`.
 */
import { perDuration } from "./benchmark-duration.ts";
import type { RunMetric } from "./metric.ts";
import { totalOsl } from "./total-osl.ts";

export const outputTokenThroughput: RunMetric = {
  tag: "output_token_throughput",
  header: "Output Token Throughput",
  unit: "tokens/sec",
  consoleOrder: 800,
  isLargerBetter: true,
  value: (facts) => perDuration(totalOsl.value(facts), facts),
};
