/** Rerank of Hugging Face's text-embeddings-inference, `POST /rerank`: bodies as AIPerf writes them. The answer is a bare list. */
import type { Endpoint, TurnInput } from "../endpoint.ts";
import { type AnswerRules, parseAnswer } from "../event-stream.ts";
import { encodeJson, isJsonObject } from "../json-body.ts";
import { rankingOf, rankingReader } from "../ranking.ts";

const results = "results";
const rules: AnswerRules = {
  documentOf: (document) => (Array.isArray(document) ? { [results]: document } : isJsonObject(document) ? document : undefined),
};

export function createTeiRankingsEndpoint(): Endpoint {
  const read = rankingReader(results);
  return {
    name: "hf_tei_rankings",
    path: "/rerank",
    canStream: false,
    takes: ["ranking"],
    produces: "ranking",
    formatBody: (turn) => encodeJson({ ...rankingBody(turn), ...turn.extraInputs }),
    parse: (response) => parseAnswer(response, read, undefined, rules),
  };
}

function rankingBody(turn: TurnInput): Record<string, unknown> {
  const { query, passages } = rankingOf(turn);
  return { query, texts: passages };
}
