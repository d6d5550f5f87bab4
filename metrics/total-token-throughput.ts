/**
 * Total token throughput: (total input + total output sequence length) / benchmark duration. Formula and name: AIPerf, `total_token_throughput`.
 */
import { perDuration } from "./benchmark-duration.ts";
import type { RunMetric } from "./metric.ts";
import { totalIsl } from "./total-isl.ts";
import { totalOsl } from "./total-osl.ts";

export const totalTokenThroughput: RunMetric = {
  tag: "total_token_throughput",
  header: "Total Token Throughput",
  unit: "tokens/sec",
  consoleOrder: undefined,
  isLargerBetter: true,
  value: (facts) => {
    const input = totalIsl.value(facts);
    const output = totalOsl.value(facts);
    return input === undefined || output === undefined ? undefined : perDuration(input + output, facts);
  },
};
