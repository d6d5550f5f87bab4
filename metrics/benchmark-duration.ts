/**
 * Benchmark duration: last chunk with content of any succeeded request − first moment a succeeded request was sent.
 * Formula and name: AIPerf, `benchmark_duration`.
 */
import type { RunFacts, RunMetric } from "./metric.ts";

export const benchmarkDuration: RunMetric = {
  tag: "benchmark_duration",
  header: "Benchmark Duration",
  unit: "sec",
  consoleOrder: undefined,
  isLargerBetter: false,
  value: ({ firstSentNs, lastContentNs }) =>
    firstSentNs === undefined || lastContentNs === undefined ? undefined : (lastContentNs - firstSentNs) / 1e9,
};

/** An amount per second of the benchmark's duration; undefined where there is no amount or no duration. */
export function perDuration(amount: number | undefined, facts: RunFacts): number | undefined {
  const durationSec = benchmarkDuration.value(facts);
  return amount === undefined || durationSec === undefined || durationSec <= 0 ? undefined : amount / durationSec;
}
