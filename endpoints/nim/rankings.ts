/** Rankings of NVIDIA's retriever NIMs, `POST /v1/ranking`: bodies as AIPerf writes them. */
import type { Endpoint, TurnInput } from "../endpoint.ts";
import { parseAnswer } from "../event-stream.ts";
import { encodeJson } from "../json-body.ts";
import { rankingOf, rankingReader } from "../ranking.ts";

export function createNimRankingsEndpoint(): Endpoint {
  const read = rankingReader("rankings");
  return {
    name: "nim_rankings",
    path: "/v1/ranking",
    canStream: false,
    takes: ["ranking"],
    produces: "ranking",
    formatBody: (turn) => encodeJson({ ...rankingBody(turn), ...turn.extraInputs }),
    parse: (response) => parseAnswer(response, read),
  };
}

function rankingBody(turn: TurnInput): Record<string, unknown> {
  const { query, passages } = rankingOf(turn);
  return { model: turn.model, query: { text: query }, passages: passages.map((text) => ({ text })) };
}
