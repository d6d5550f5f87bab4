/**
 * SGLang's own API, `POST /generate`: a prompt, `sampling_params`, and answers that have the text so far in every event and the counts in
 * `meta_info`. It serves one model, which the body does not name.
 */
import { countedUsage } from "../counts.ts";
import { createNewText } from "../cumulative.ts";
import type { Endpoint, TurnInput } from "../endpoint.ts";
import { type EventMeaning, parseAnswer } from "../event-stream.ts";
import { encodeJson, isJsonObject, type JsonObject, textOf } from "../json-body.ts";
import { mergedUnder } from "../merge.ts";
import { contentsOf } from "../parts.ts";
import { errorWords } from "../target-error.ts";

export function createSglangGenerateEndpoint(): Endpoint {
  return {
    name: "sglang_generate",
    path: "/generate",
    canStream: true,
    takes: ["text", "image"],
    produces: "text",
    formatBody: (turn) => encodeJson(generateBody(turn)),
    parse: (response) => parseAnswer(response, createReader()),
  };
}

function generateBody({ messages, maxOutputTokens, isStreaming, extraInputs }: TurnInput): JsonObject {
  const images = contentsOf(messages, "image");
  const own = {
    text: contentsOf(messages, "text").join("\n"),
    ...(images.length === 0 ? {} : { image_data: images }),
    sampling_params: maxOutputTokens === undefined ? {} : { max_new_tokens: maxOutputTokens },
    stream: isStreaming,
  };
  return mergedUnder(own, extraInputs, "sampling_params");
}

function createReader(): (event: JsonObject) => EventMeaning {
  const newText = createNewText();
  return (event) => {
    const meta = isJsonObject(event.meta_info) ? event.meta_info : {};
    const { type, message } = isJsonObject(meta.finish_reason) ? meta.finish_reason : { type: meta.finish_reason };
    const aborted = type === "abort" ? (textOf(message) ?? "the request was aborted") : undefined;
    return {
      outputText: newText(textOf(event.text) ?? ""),
      reasoningText: "",
      finishReason: textOf(type),
      usage: countedUsage(meta.prompt_tokens, meta.completion_tokens, meta.cached_tokens),
      errorWords: errorWords(event) ?? aborted,
    };
  };
}
