/**
 * Draft tokens that were proposed, as the server says. Formula and name: AIPerf, `spec_decode_draft_tokens`.
 */
import type { RecordMetric } from "./metric.ts";

export const specDecodeDraftTokens: RecordMetric = {
  tag: "spec_decode_draft_tokens",
  header: "Draft Tokens",
  unit: "tokens",
  consoleOrder: undefined,
  isLargerBetter: false,
  group: "spec_decode",
  value: ({ specDecode }) => specDecode?.drafted,
};
