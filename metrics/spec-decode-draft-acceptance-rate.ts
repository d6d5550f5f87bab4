/**
 * 100 · accepted / proposed draft tokens, as the server says. Formula and name: AIPerf, `spec_decode_draft_acceptance_rate`.
 */
import type { RecordMetric } from "./metric.ts";
import { percentOf } from "./units.ts";

export const specDecodeDraftAcceptanceRate: RecordMetric = {
  tag: "spec_decode_draft_acceptance_rate",
  header: "Draft Acceptance Rate",
  unit: "%",
  consoleOrder: 5020,
  isLargerBetter: true,
  group: "spec_decode",
  value: ({ specDecode }) => percentOf(specDecode?.accepted, specDecode?.drafted),
};
