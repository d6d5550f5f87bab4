/**
 * How far the output length is from the requested one, signed: 100 · (output sequence length − requested) / requested.
 * Formula and name: AIPerf, `osl_mismatch_diff_pct`.
 */
import type { RecordMetric } from "./metric.ts";
import { outputSequenceLength } from "./output-sequence-length.ts";

export const oslMismatchDiffPct: RecordMetric = {
  tag: "osl_mismatch_diff_pct",
  header: "OSL Mismatch Diff %",
  unit: "%",
  consoleOrder: undefined,
  isLargerBetter: false,
  value: (facts) => {
    const requested = facts.requestedOutputTokens;
    const actual = outputSequenceLength.value(facts);
    return requested === undefined || requested === 0 || actual === undefined
      ? undefined
      : (100 * (actual - requested)) / requested;
  },
};
