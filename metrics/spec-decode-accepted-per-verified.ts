/**
 * (accepted draft tokens + steps) / (proposed draft tokens + steps), as the server says. Formula and name: AIPerf,
 * `spec_decode_accepted_per_verified`.
 */
import type { RecordMetric } from "./metric.ts";
import { ratioOf } from "./units.ts";

export const specDecodeAcceptedPerVerified: RecordMetric = {
  tag: "spec_decode_accepted_per_verified",
  header: "Accepted per Verified",
  unit: "ratio",
  consoleOrder: 5030,
  isLargerBetter: true,
  group: "spec_decode",
  value: ({ specDecode }) => specDecode && ratioOf(specDecode.accepted + specDecode.steps, specDecode.drafted + specDecode.steps),
};
