import type { SyntheticDataset } from "../../../../gen/assay/common/v1/run_spec_pb.js";
import type { Demand } from "./demand.ts";
import { checkDistribution } from "./distribution-violations.ts";
import { checkMedia } from "./media-violations.ts";

const corpora = ["prose", "code", "random"];
const maxTokens = 10_000_000;
const maxTurns = 10_000;
/** A week. */
const maxDelayMs = 604_800_000;
const maxPrefixes = 1_000_000;
const maxBatchSize = 10_000;
const maxPassages = 10_000;
const at = "dataset.synthetic";

export function checkSynthetic(synthetic: SyntheticDataset, demand: Demand): void {
  const { corpus, inputTokens, outputTokens, turns, turnDelayMs, lengthMix } = synthetic;
  demand(corpora.includes(corpus), `${at}.corpus`, `must be ${corpora.join(", ")}, got ${corpus}`);
  checkDistribution(inputTokens, [1, maxTokens], `${at}.input_tokens`, demand);
  checkDistribution(outputTokens, [1, maxTokens], `${at}.output_tokens`, demand);
  checkDistribution(turns, [1, maxTurns], `${at}.turns`, demand);
  checkDistribution(turnDelayMs, [0, maxDelayMs], `${at}.turn_delay_ms`, demand);
  lengthMix.forEach(({ inputTokens: input, outputTokens: output, weight }, index) => {
    const row = `${at}.length_mix[${index}]`;
    checkDistribution(input, [1, maxTokens], `${row}.input_tokens`, demand);
    checkDistribution(output, [1, maxTokens], `${row}.output_tokens`, demand);
    demand(input !== undefined, `${row}.input_tokens`, "is needed");
    demand(weight > 0 && Number.isFinite(weight), `${row}.weight`, `must be above 0, got ${weight}`);
  });
  checkPreface(synthetic, demand);
  checkTexts(synthetic, demand);
  checkMedia(synthetic, demand);
}

function checkTexts(synthetic: SyntheticDataset, demand: Demand): void {
  const { textBatchSize = 1, prefixCount, sharedSystemTokens, userContextTokens, rankings, turns } = synthetic;
  demand(textBatchSize <= maxBatchSize, `${at}.text_batch_size`, `must be at most ${maxBatchSize}, got ${textBatchSize}`);
  const hasText = prefixCount + sharedSystemTokens + userContextTokens > 0;
  demand(textBatchSize === 1 || !hasText, `${at}.text_batch_size`, "must be 1 where text stands in front of prompts");
  if (rankings === undefined) return;
  checkDistribution(rankings.passages, [1, maxPassages], `${at}.rankings.passages`, demand);
  checkDistribution(rankings.passageTokens, [1, maxTokens], `${at}.rankings.passage_tokens`, demand);
  checkDistribution(rankings.queryTokens, [1, maxTokens], `${at}.rankings.query_tokens`, demand);
  const isSingle = turns?.kind === "" && turns.mean === 1 && turns.stddev === 0;
  demand(isSingle, `${at}.turns`, "must be 1 for rankings, which have a query each");
  demand(!hasText, `${at}.rankings`, "no text stands in front of a query");
}

function checkPreface(synthetic: SyntheticDataset, demand: Demand): void {
  const { prefixCount, prefixTokens, sharedSystemTokens, userContextTokens } = synthetic;
  demand(prefixCount <= maxPrefixes, `${at}.prefix_count`, `must be at most ${maxPrefixes}, got ${prefixCount}`);
  demand(prefixCount === 0 || prefixTokens > 0, `${at}.prefix_tokens`, "is needed where there are prefixes");
  demand(prefixTokens === 0 || prefixCount > 0, `${at}.prefix_count`, "is needed where prefixes have a length");
  const others = { shared_system_tokens: sharedSystemTokens, user_context_tokens: userContextTokens };
  for (const [field, tokens] of Object.entries(others)) {
    demand(tokens === 0 || prefixCount === 0, `${at}.${field}`, "not together with a pool of prefixes");
  }
  for (const [field, tokens] of Object.entries({ prefix_tokens: prefixTokens, ...others })) {
    demand(tokens <= maxTokens, `${at}.${field}`, `must be at most ${maxTokens}, got ${tokens}`);
  }
}
