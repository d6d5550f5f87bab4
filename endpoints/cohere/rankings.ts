/** Cohere's rerank, `POST /v2/rerank`, which vLLM, Jina and llama.cpp speak, too: bodies as AIPerf writes them. */
import type { Endpoint, TurnInput } from "../endpoint.ts";
import { parseAnswer } from "../event-stream.ts";
import { encodeJson } from "../json-body.ts";
import { rankingOf, rankingReader } from "../ranking.ts";

export function createCohereRankingsEndpoint(): Endpoint {
  const read = rankingReader("results");
  return {
    name: "cohere_rankings",
    path: "/v2/rerank",
    canStream: false,
    takes: ["ranking"],
    produces: "ranking",
    formatBody: (turn) => encodeJson({ ...rankingBody(turn), ...turn.extraInputs }),
    parse: (response) => parseAnswer(response, read),
  };
}

function rankingBody(turn: TurnInput): Record<string, unknown> {
  const { query, passages } = rankingOf(turn);
  return { model: turn.model, query, documents: passages };
}
