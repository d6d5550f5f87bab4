/** Solido's `/rag/api/prompt`, which says nowhere that it wants a stream: it always is one. Pure. */
import { type MockEndpoint, type RequestJson, tokensOfTexts } from "./endpoint.ts";
import { eventTemplate, marks } from "./event-template.ts";
import { errorBody, refusal } from "./refusal.ts";
import { firstWordOf, wordsFrom } from "./words.ts";

export const solido: MockEndpoint = {
  name: "solido_rag",
  namesModel: true,
  lengthFields: [],
  usageOfStreams: "always",
  readPrompt({ query }) {
    const isGiven = Array.isArray(query) && query.length > 0;
    return isGiven
      ? { tokens: tokensOfTexts(query.map(String)), choices: 1 }
      : refusal(400, "query must be a list of texts", "query");
  },
  textsOf: ({ query }) => [String(query)],
  streamEvents: (_model, hasStamps) => {
    const stamp = hasStamps ? `,"assay_sent_ns":"${marks.stamp}"` : "";
    return {
      opening: () => undefined,
      content: (_choice, first, count) => eventTemplate(`data: {"content":"${wordsFrom(first, count)}"${stamp}}\n\n`),
      finish: () => undefined,
      ending: () => eventTemplate('data: {"sources":["a.pdf"]}\n\n'),
    };
  },
  hasDone: false,
  wholeBody: (request) => `{"content":"${wordsFrom(firstWordOf(request, 0), request.tokens)}","sources":["a.pdf"]}`,
  errorBody,
  errorEvents: (why) => `data: ${errorBody(why)}\n\n`,
};

export function solidoRequest(json: RequestJson): RequestJson {
  return { ...json, model: json.inference_model, stream: true };
}
