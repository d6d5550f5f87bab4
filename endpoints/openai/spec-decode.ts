/** What vLLM says of speculative decoding in a choice (`--per-request-spec-decode-stats`). */
import type { SpecDecode } from "../../metrics/metric.ts";
import { isJsonObject } from "../json-body.ts";

/** As a property to spread into what an event means; none where the choice does not say all three counts. */
export function specDecodeOf(choice: unknown): { readonly specDecode?: SpecDecode } {
  const stats = isJsonObject(choice) ? choice.speculative_decoding_stats : undefined;
  if (!isJsonObject(stats)) return {};
  const { num_spec_steps: steps, num_accepted_draft_tokens: accepted, num_draft_tokens: drafted } = stats;
  return isCount(steps) && isCount(accepted) && isCount(drafted) ? { specDecode: { steps, accepted, drafted } } : {};
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
