/**
 * Sum of `spec_decode_draft_tokens` over the succeeded requests. Formula and name: AIPerf, `total_draft_tokens`.
 */
import type { RunMetric } from "./metric.ts";
import { specDecodeDraftTokens } from "./spec-decode-draft-tokens.ts";

export const totalDraftTokens: RunMetric = {
  tag: "total_draft_tokens",
  header: "Total Draft Tokens",
  unit: "tokens",
  consoleOrder: undefined,
  isLargerBetter: false,
  group: "spec_decode",
  value: ({ sum }) => sum(specDecodeDraftTokens.tag),
};
