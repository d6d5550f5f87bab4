/**
 * Text Generation Inference's own API: `POST /generate`, and `/generate_stream` for a stream. Extra inputs are parameters, as in AIPerf.
 * A special token (an end of text) is no content: `generated_text` leaves it out, too.
 */

import { countedUsage } from "../counts.ts";
import type { Endpoint, TurnInput } from "../endpoint.ts";
import { type AnswerRules, type EventMeaning, parseAnswer } from "../event-stream.ts";
import { encodeJson, isJsonObject, type JsonObject, textOf } from "../json-body.ts";
import { contentsOf } from "../parts.ts";
import type { TagOptions } from "../reasoning-tags.ts";
import { errorWords } from "../target-error.ts";

export function createHuggingFaceGenerateEndpoint({ reasoningTags }: TagOptions = {}): Endpoint {
  return {
    name: "huggingface_generate",
    path: "/generate",
    streamPath: "/generate_stream",
    canStream: true,
    takes: ["text"],
    produces: "text",
    formatBody: (turn) => encodeJson(generateBody(turn)),
    parse: (response) => parseAnswer(response, readGenerateEvent, undefined, { ...rules, reasoningTags }),
  };
}

function generateBody({ messages, maxOutputTokens, extraInputs }: TurnInput): JsonObject {
  const { parameters, ...others } = extraInputs;
  const length = maxOutputTokens === undefined ? {} : { max_new_tokens: maxOutputTokens };
  return {
    inputs: contentsOf(messages, "text").join("\n"),
    parameters: { ...length, ...others, ...(isJsonObject(parameters) ? parameters : {}) },
  };
}

/** Pipelines of transformers, and TGI at `/`, answer with a list of one. */
const rules: AnswerRules = {
  documentOf: (document) => {
    const one: unknown = Array.isArray(document) ? document[0] : document;
    return isJsonObject(one) ? one : undefined;
  },
};

/** The last event of a stream has the whole text beside its token; it may say no reason. */
function readGenerateEvent(event: JsonObject): EventMeaning {
  const { token, details, generated_text: whole } = event;
  const { finish_reason, generated_tokens, input_length } = isJsonObject(details) ? details : {};
  const piece = isJsonObject(token) && token.special !== true ? textOf(token.text) : undefined;
  return {
    outputText: token === undefined ? (textOf(whole) ?? "") : (piece ?? ""),
    reasoningText: "",
    finishReason: textOf(finish_reason),
    usage: countedUsage(input_length, generated_tokens),
    errorWords: errorWords(event),
    isEnd: typeof whole === "string",
  };
}
