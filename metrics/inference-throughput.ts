/**
 * Inference throughput: inferences of succeeded requests / benchmark duration. perf_analyzer's `Throughput`, in `infer/sec`, which takes the
 * requests of a window.
 */
import { perDuration } from "./benchmark-duration.ts";
import type { RunMetric } from "./metric.ts";
import { numInferences } from "./num-inferences.ts";

export const inferenceThroughput: RunMetric = {
  tag: "inference_throughput",
  header: "Inference Throughput",
  unit: "inferences/sec",
  consoleOrder: 910,
  isLargerBetter: true,
  flags: ["no_record"],
  value: (facts) => perDuration(facts.sum(numInferences.tag), facts),
};
