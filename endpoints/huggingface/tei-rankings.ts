/** Rerank of Hugging Face's text-embeddings-inference, `POST /rerank`: bodies as AIPerf writes them. The answer is a bare list. */
import type { Endpoint } from "../endpoint.ts";
import type { AnswerRules } from "../event-stream.ts";
import { isJsonObject } from "../json-body.ts";
import { rankingEndpoint } from "../ranking.ts";

const listField = "results";
const rules: AnswerRules = {
  documentOf: (document) => (Array.isArray(document) ? { [listField]: document } : isJsonObject(document) ? document : undefined),
};

export function createTeiRankingsEndpoint(): Endpoint {
  return rankingEndpoint({
    name: "hf_tei_rankings",
    path: "/rerank",
    listField,
    rules,
    bodyOf: ({ query, passages }) => ({ query, texts: passages }),
  });
}
