/** Rankings of NVIDIA's retriever NIMs, `POST /v1/ranking`: bodies as AIPerf writes them. */
import type { Endpoint } from "../endpoint.ts";
import { rankingEndpoint } from "../ranking.ts";

export function createNimRankingsEndpoint(): Endpoint {
  return rankingEndpoint({
    name: "nim_rankings",
    path: "/v1/ranking",
    listField: "rankings",
    bodyOf: ({ query, passages }, model) => ({ model, query: { text: query }, passages: passages.map((text) => ({ text })) }),
  });
}
