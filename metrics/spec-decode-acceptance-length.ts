/**
 * Tokens that a verification step of speculative decoding gave on average: 1 + accepted draft tokens / steps, as the server
 * says. Formula and name: AIPerf, `spec_decode_acceptance_length`.
 */
import type { RecordMetric } from "./metric.ts";
import { plusOne, ratioOf } from "./units.ts";

export const specDecodeAcceptanceLength: RecordMetric = {
  tag: "spec_decode_acceptance_length",
  header: "Acceptance Length",
  unit: "ratio",
  consoleOrder: 5000,
  isLargerBetter: true,
  group: "spec_decode",
  value: ({ specDecode }) => plusOne(ratioOf(specDecode?.accepted, specDecode?.steps)),
};
