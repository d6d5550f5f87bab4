/** Ollama's `/api/chat` and `/api/generate`: streams of lines, of which the last is done. Pure. */
import { asciiJson, textOfValue } from "./ascii-json.ts";
import { conversationText, textsIn } from "./chat.ts";
import { type MockEndpoint, type RequestJson, tokensOfTexts } from "./endpoint.ts";
import { eventTemplate, marks } from "./event-template.ts";
import { type Refusal, refusal } from "./refusal.ts";
import type { TextRequest } from "./request.ts";
import { nested } from "./route.ts";
import { firstWordOf, wordsFrom } from "./words.ts";

export const ollamaChat = ollamaEndpoint({
  name: "ollama_chat",
  contentOf: (text) => `"message":{"role":"assistant","content":"${text}"}`,
  promptsOf: ({ messages }) => (Array.isArray(messages) && messages.length > 0 ? messages.flatMap(textsIn) : undefined),
  textOf: ({ messages }) => conversationText(messages),
  expected: "messages must be a list of one or more",
});

export const ollamaGenerate = ollamaEndpoint({
  name: "ollama_generate",
  contentOf: (text) => `"response":"${text}"`,
  promptsOf: ({ prompt, system = "" }) => (typeof prompt === "string" ? [textOfValue(system), prompt] : undefined),
  textOf: ({ prompt, system = "" }) => `${textOfValue(system)}\n${textOfValue(prompt)}`,
  expected: "prompt must be a text",
});

/** A body that says nothing asks for a stream. */
export function ollamaRequest(json: RequestJson): RequestJson {
  return { ...json, stream: json.stream ?? true, num_predict: nested(json, "options", "num_predict") };
}

/** What the two write differently. */
interface OllamaForm {
  readonly name: string;
  /** The field with some text, which needs no escapes. */
  contentOf(text: string): string;
  /** Undefined: the request has none. */
  promptsOf(json: RequestJson): readonly string[] | undefined;
  textOf(json: RequestJson): string;
  readonly expected: string;
}

function ollamaEndpoint({ name, contentOf, promptsOf, textOf, expected }: OllamaForm): MockEndpoint {
  const doneLine = (request: TextRequest, text: string, stamp: string) =>
    `{"model":${asciiJson(request.model)},${stamp}${contentOf(text)},"done":true,"done_reason":"${request.finishReason}"${countsOf(request)}}`;
  return {
    name,
    namesModel: true,
    lengthFields: ["num_predict"],
    usageOfStreams: "always",
    readPrompt(json) {
      const prompts = promptsOf(json);
      return prompts === undefined ? refusal(400, expected) : { tokens: tokensOfTexts(prompts), choices: 1 };
    },
    textsOf: (json) => [textOf(json)],
    streamType: "application/x-ndjson",
    streamEvents: (model, hasStamps) => {
      const stamp = hasStamps ? `"assay_sent_ns":"${marks.stamp}",` : "";
      return {
        opening: () => undefined,
        content: (_choice, first, count) =>
          eventTemplate(`{"model":${asciiJson(model)},${stamp}${contentOf(wordsFrom(first, count))},"done":false}\n`),
        finish: () => undefined,
        ending: (request) => eventTemplate(`${doneLine(request, "", stamp)}\n`),
      };
    },
    hasDone: false,
    wholeBody: (request, hasStamps) =>
      doneLine(request, wordsFrom(firstWordOf(request, 0), request.tokens), hasStamps ? `"assay_sent_ns":"${marks.stamp}",` : ""),
    errorBody,
    errorEvents: (why) => `${errorBody(why)}\n`,
  };
}

function countsOf({ hasUsage, promptTokens, tokens }: TextRequest): string {
  return hasUsage ? `,"prompt_eval_count":${promptTokens},"eval_count":${tokens}` : "";
}

function errorBody({ message }: Refusal): string {
  return asciiJson({ error: message });
}
