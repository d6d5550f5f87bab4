/**
 * Sum of `spec_decode_steps` over the succeeded requests. Formula and name: AIPerf, `total_spec_decode_steps`.
 */
import type { RunMetric } from "./metric.ts";
import { specDecodeSteps } from "./spec-decode-steps.ts";

export const totalSpecDecodeSteps: RunMetric = {
  tag: "total_spec_decode_steps",
  header: "Total Spec Decode Steps",
  unit: "count",
  consoleOrder: undefined,
  isLargerBetter: false,
  group: "spec_decode",
  value: ({ sum }) => sum(specDecodeSteps.tag),
};
