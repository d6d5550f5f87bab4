/** Cohere's rerank, `POST /v2/rerank`, which vLLM, Jina and llama.cpp speak, too: bodies as AIPerf writes them. */
import type { Endpoint } from "../endpoint.ts";
import { rankingEndpoint } from "../ranking.ts";

export function createCohereRankingsEndpoint(): Endpoint {
  return rankingEndpoint({
    name: "cohere_rankings",
    path: "/v2/rerank",
    listField: "results",
    bodyOf: ({ query, passages }, model) => ({ model, query, documents: passages }),
  });
}
