/**
 * Verification steps of speculative decoding, as the server says. Formula and name: AIPerf, `spec_decode_steps`.
 */
import type { RecordMetric } from "./metric.ts";

export const specDecodeSteps: RecordMetric = {
  tag: "spec_decode_steps",
  header: "Spec Decode Steps",
  unit: "count",
  consoleOrder: 5040,
  isLargerBetter: false,
  group: "spec_decode",
  value: ({ specDecode }) => specDecode?.steps,
};
