/**
 * Draft tokens that were accepted, as the server says. Formula and name: AIPerf, `spec_decode_accepted_draft_tokens`.
 */
import type { RecordMetric } from "./metric.ts";

export const specDecodeAcceptedDraftTokens: RecordMetric = {
  tag: "spec_decode_accepted_draft_tokens",
  header: "Accepted Draft Tokens",
  unit: "tokens",
  consoleOrder: undefined,
  isLargerBetter: true,
  group: "spec_decode",
  value: ({ specDecode }) => specDecode?.accepted,
};
