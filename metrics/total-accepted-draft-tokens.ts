/**
 * Sum of `spec_decode_accepted_draft_tokens` over the succeeded requests. Formula and name: AIPerf,
 * `total_accepted_draft_tokens`.
 */
import type { RunMetric } from "./metric.ts";
import { specDecodeAcceptedDraftTokens } from "./spec-decode-accepted-draft-tokens.ts";

export const totalAcceptedDraftTokens: RunMetric = {
  tag: "total_accepted_draft_tokens",
  header: "Total Accepted Draft Tokens",
  unit: "tokens",
  consoleOrder: undefined,
  isLargerBetter: true,
  group: "spec_decode",
  value: ({ sum }) => sum(specDecodeAcceptedDraftTokens.tag),
};
