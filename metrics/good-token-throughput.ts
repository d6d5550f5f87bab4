/**
 * Token goodput: output tokens of good requests / benchmark duration. What of `output_token_throughput` came within the bounds of `--goodput`.
 * Assay's own.
 */
import { perDuration } from "./benchmark-duration.ts";
import type { RunMetric } from "./metric.ts";

export const goodTokenThroughput: RunMetric = {
  tag: "good_token_throughput",
  header: "Good Output Token Throughput",
  unit: "tokens/sec",
  consoleOrder: 1001,
  isLargerBetter: true,
  value: (facts) => perDuration(facts.goodOutputTokens, facts),
};
