/**
 * 1 + Σ accepted draft tokens / Σ steps over the succeeded requests. Formula and name: AIPerf,
 * `spec_decode_token_weighted_acceptance_length`.
 */
import type { RunMetric } from "./metric.ts";
import { specDecodeAcceptedDraftTokens } from "./spec-decode-accepted-draft-tokens.ts";
import { specDecodeSteps } from "./spec-decode-steps.ts";
import { plusOne, ratioOf } from "./units.ts";

export const specDecodeTokenWeightedAcceptanceLength: RunMetric = {
  tag: "spec_decode_token_weighted_acceptance_length",
  header: "Token-Weighted Acceptance Length",
  unit: "ratio",
  consoleOrder: 5010,
  isLargerBetter: true,
  group: "spec_decode",
  value: ({ sum }) => plusOne(ratioOf(sum(specDecodeAcceptedDraftTokens.tag), sum(specDecodeSteps.tag))),
};
