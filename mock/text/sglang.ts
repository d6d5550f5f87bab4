/** SGLang's `/generate`: every event of a stream has the text so far. Pure. */
import { type MockEndpoint, type RequestJson, tokensOfTexts } from "./endpoint.ts";
import { eventTemplate, marks } from "./event-template.ts";
import { errorBody, refusal } from "./refusal.ts";
import type { TextRequest } from "./request.ts";
import { nested } from "./route.ts";
import { firstWordOf, vocabulary, wordsFrom } from "./words.ts";

export const sglang: MockEndpoint = {
  name: "sglang_generate",
  namesModel: false,
  lengthFields: ["max_new_tokens"],
  usageOfStreams: "always",
  readPrompt({ text }) {
    if (typeof text !== "string" || text === "") return refusal(400, "text must be a text that is not empty", "text");
    return { tokens: tokensOfTexts([text]), choices: 1 };
  },
  textsOf: ({ text }) => [String(text)],
  streamEvents: (_model, hasStamps) => {
    const stamp = hasStamps ? `"assay_sent_ns":"${marks.stamp}",` : "";
    const event = (text: string, meta: string) =>
      eventTemplate(`data: {"text":"${text}",${stamp}"meta_info":{"id":"${marks.id}",${meta}}}\n\n`);
    return {
      opening: () => undefined,
      content(_choice, first, count, before) {
        const start = (first - (before % vocabulary.length) + vocabulary.length) % vocabulary.length;
        return event(wordsFrom(start, before + count), `"finish_reason":null,"completion_tokens":${before + count}`);
      },
      finish: () => undefined,
      ending: (request) => event(textOf(request), ended(request)),
    };
  },
  hasDone: true,
  wholeBody: (request, hasStamps) =>
    `{"text":"${textOf(request)}",${hasStamps ? `"assay_sent_ns":"${marks.stamp}",` : ""}"meta_info":{"id":"${marks.id}",${ended(request)}}}`,
  errorBody,
  errorEvents: (why) => `data: ${errorBody(why)}\n\n`,
};

export function sglangRequest(json: RequestJson): RequestJson {
  return { ...json, max_new_tokens: nested(json, "sampling_params", "max_new_tokens") };
}

function textOf(request: TextRequest): string {
  return wordsFrom(firstWordOf(request, 0), request.tokens);
}

function ended({ finishReason, tokens, promptTokens, cachedTokens = 0, hasUsage }: TextRequest): string {
  const reason = finishReason === "stop" ? '{"type":"stop","matched":2}' : `{"type":"length","length":${tokens}}`;
  const counts = `"prompt_tokens":${promptTokens},"completion_tokens":${tokens},"cached_tokens":${cachedTokens}`;
  return `"finish_reason":${reason}${hasUsage ? `,${counts}` : ""}`;
}
