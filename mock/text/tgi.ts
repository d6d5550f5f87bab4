/** Text Generation Inference's `/generate` and `/generate_stream`. The last event of a stream is a special token with the whole text beside it. Pure. */
import { asciiJson } from "./ascii-json.ts";
import { type MockEndpoint, type RequestJson, tokensOfTexts } from "./endpoint.ts";
import { eventTemplate, marks } from "./event-template.ts";
import { refusal } from "./refusal.ts";
import type { TextRequest } from "./request.ts";
import { nested } from "./route.ts";
import { firstWordOf, wordsFrom } from "./words.ts";

export const tgi: MockEndpoint = {
  name: "huggingface_generate",
  namesModel: false,
  lengthFields: ["max_new_tokens"],
  usageOfStreams: "always",
  readPrompt({ inputs }) {
    if (typeof inputs !== "string" || inputs === "") return refusal(422, "inputs must be a text that is not empty", "inputs");
    return { tokens: tokensOfTexts([inputs]), choices: 1 };
  },
  textsOf: ({ inputs }) => [String(inputs)],
  streamEvents: (_model, hasStamps) => {
    const stamp = hasStamps ? `,"assay_sent_ns":"${marks.stamp}"` : "";
    const event = (index: number, token: string, rest: string) =>
      eventTemplate(`data:{"index":${index},"token":{"id":${index},${token}}${stamp},${rest}}\n\n`);
    return {
      opening: () => undefined,
      content: (_choice, first, count, before) =>
        event(
          before + count,
          `"text":"${wordsFrom(first, count)}","logprob":-0.5,"special":false`,
          '"generated_text":null,"details":null',
        ),
      finish: () => undefined,
      ending: (request) =>
        event(
          request.tokens + 1,
          '"text":"</s>","logprob":-0.5,"special":true',
          `"generated_text":"${textOf(request)}",${details(request)}`,
        ),
    };
  },
  hasDone: false,
  wholeBody: (request, hasStamps) =>
    `{"generated_text":"${textOf(request)}",${hasStamps ? `"assay_sent_ns":"${marks.stamp}",` : ""}${details(request)}}`,
  errorBody: ({ message }) => asciiJson({ error: message, error_type: "generation" }),
  errorEvents: ({ message }) => `data:${asciiJson({ error: message, error_type: "generation" })}\n\n`,
};

/** @param isStream by the path */
export function tgiRequest(json: RequestJson, isStream: boolean): RequestJson {
  return { ...json, stream: isStream, max_new_tokens: nested(json, "parameters", "max_new_tokens") };
}

function textOf(request: TextRequest): string {
  return wordsFrom(firstWordOf(request, 0), request.tokens);
}

function details({ finishReason, tokens, promptTokens, hasUsage }: TextRequest): string {
  const reason = finishReason === "stop" ? "eos_token" : "length";
  const counts = hasUsage ? `,"generated_tokens":${tokens},"input_length":${promptTokens}` : "";
  return `"details":{"finish_reason":"${reason}","seed":null${counts}}`;
}
