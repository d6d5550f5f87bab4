/** Rankings: passages in an order that depends on their number alone. The TTFT is the time of the whole answer. Pure. */
import { asciiJson, isObject } from "./ascii-json.ts";
import { type MockEndpoint, type RequestJson, tokensOfTexts } from "./endpoint.ts";
import { marks } from "./event-template.ts";
import { errorBody, refusal } from "./refusal.ts";

/** What the APIs of rankings write differently. */
interface RankingForm {
  readonly name: string;
  readonly namesModel: boolean;
  /** The field of a request that lists the passages. */
  readonly passages: string;
  /** The field of an entry that has the score. */
  readonly score: string;
  /** The body around the list of entries; `head` and `usage` are fields of it. */
  wrap(list: string, head: string, usage: string): string;
}

/** NVIDIA's retrievers, `/v1/ranking`. */
export const nimRankings = rankingEndpoint({
  name: "nim_rankings",
  namesModel: true,
  passages: "passages",
  score: "logit",
  wrap: (list, head, usage) => `{${head}"rankings":[${list}]${usage}}`,
});

/** Cohere's, `/v2/rerank`. */
export const cohereRankings = rankingEndpoint({
  name: "cohere_rankings",
  namesModel: true,
  passages: "documents",
  score: "relevance_score",
  wrap: (list, head, usage) => `{${head}"results":[${list}]${usage}}`,
});

/** Text-embeddings-inference's, `/rerank`: a bare list, which has no place for a stamp. */
export const teiRankings = rankingEndpoint({
  name: "hf_tei_rankings",
  namesModel: false,
  passages: "texts",
  score: "score",
  wrap: (list) => `[${list}]`,
});

function rankingEndpoint(form: RankingForm): MockEndpoint {
  return {
    name: form.name,
    namesModel: form.namesModel,
    lengthFields: [],
    usageOfStreams: "always",
    readPrompt(json) {
      const query = textOf(json.query);
      if (query === undefined) return refusal(400, "query must be a text", "query");
      const passages = passagesOf(json, form.passages);
      if (passages.length === 0) return refusal(400, `${form.passages} must be a list of one or more texts`, form.passages);
      return { tokens: tokensOfTexts([query, ...passages]), choices: passages.length, pieces: 1 };
    },
    textsOf: () => [],
    streamEvents: undefined,
    hasDone: false,
    wholeBody({ choices, model, promptTokens, hasUsage }, hasStamps) {
      const list = Array.from({ length: choices }, (_, rank) => {
        return `{"index":${choices - 1 - rank},"${form.score}":${(choices - rank) / choices}}`;
      });
      const head = `"id":"rank-${marks.id}",${hasStamps ? `"assay_sent_ns":"${marks.stamp}",` : ""}"model":${asciiJson(model)},`;
      const usage = hasUsage ? `,"usage":{"prompt_tokens":${promptTokens},"total_tokens":${promptTokens}}` : "";
      return form.wrap(list.join(","), head, usage);
    },
    errorBody,
    errorEvents: (why) => `data: ${errorBody(why)}\n\n`,
  };
}

function passagesOf(json: RequestJson, field: string): readonly string[] {
  const list = json[field];
  return Array.isArray(list) ? list.flatMap((one) => textOf(one) ?? []) : [];
}

/** A text, or an object that holds one. */
function textOf(value: unknown): string | undefined {
  const text = isObject(value) ? value.text : value;
  return typeof text === "string" ? text : undefined;
}
