/**
 * Input token throughput: total input sequence length / benchmark duration. Formula and name: AIPerf, `input_token_throughput`.
 */
import { perDuration } from "./benchmark-duration.ts";
import type { RunMetric } from "./metric.ts";
import { totalIsl } from "./total-isl.ts";

export const inputTokenThroughput: RunMetric = {
  tag: "input_token_throughput",
  header: "Input Token Throughput",
  unit: "tokens/sec",
  consoleOrder: 805,
  isLargerBetter: true,
  value: (facts) => perDuration(totalIsl.value(facts), facts),
};
