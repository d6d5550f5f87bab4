/**
 * 100 · Σ accepted / Σ proposed draft tokens over the succeeded requests. Formula and name: AIPerf,
 * `spec_decode_overall_draft_acceptance_rate`.
 */
import type { RunMetric } from "./metric.ts";
import { specDecodeAcceptedDraftTokens } from "./spec-decode-accepted-draft-tokens.ts";
import { specDecodeDraftTokens } from "./spec-decode-draft-tokens.ts";
import { percentOf } from "./units.ts";

export const specDecodeOverallDraftAcceptanceRate: RunMetric = {
  tag: "spec_decode_overall_draft_acceptance_rate",
  header: "Overall Draft Acceptance Rate",
  unit: "%",
  consoleOrder: 5025,
  isLargerBetter: true,
  group: "spec_decode",
  value: ({ sum }) => percentOf(sum(specDecodeAcceptedDraftTokens.tag), sum(specDecodeDraftTokens.tag)),
};
