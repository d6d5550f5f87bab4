/**
 * Triton's generate extension, `POST /v2/models/{model}/generate`, and `/generate_stream` for a stream: inputs and parameters of the
 * model by name, at the top of the body. vLLM's backend takes `max_tokens` there as a parameter, TensorRT-LLM's as an input.
 * No event of a stream says that it is the last; an error comes as `{"error": "…"}` under status 200.
 */

import { countedUsage, countOf } from "../counts.ts";
import { type NewText, readTexts } from "../cumulative.ts";
import type { Endpoint, TurnInput } from "../endpoint.ts";
import { type AnswerRules, type EventMeaning, parseAnswer } from "../event-stream.ts";
import { encodeJson, type JsonObject, textOf } from "../json-body.ts";
import { contentsOf } from "../parts.ts";
import type { TagOptions } from "../reasoning-tags.ts";
import { errorWords } from "../target-error.ts";
import { modelPath, type VersionOptions } from "./versions.ts";

const rules: AnswerRules = { isEndUnmarked: true };

export function createKserveGenerateEndpoint({ reasoningTags, modelVersion }: TagOptions & VersionOptions = {}): Endpoint {
  return {
    name: "kserve_generate",
    path: `${modelPath(modelVersion)}/generate`,
    streamPath: `${modelPath(modelVersion)}/generate_stream`,
    canStream: true,
    hasVersions: true,
    takes: ["text"],
    produces: "text",
    formatBody: (turn) => encodeJson(generateBody(turn)),
    parse: (response) =>
      readTexts("pieces", (next) => parseAnswer(response, createReader(next()), undefined, { ...rules, reasoningTags })),
  };
}

function generateBody({ messages, maxOutputTokens, isStreaming, extraInputs }: TurnInput): JsonObject {
  const length = maxOutputTokens === undefined ? {} : { max_tokens: maxOutputTokens };
  return { text_input: contentsOf(messages, "text").join("\n"), stream: isStreaming, ...length, ...extraInputs };
}

/** vLLM's backend counts the output tokens of each event apart, where it was asked to (`return_num_output_tokens`). */
function createReader(newText: NewText): (event: JsonObject) => EventMeaning {
  let outputTokens: number | undefined;
  return (event) => {
    const { text_output: text, finish_reason: reason, num_input_tokens: input, num_output_tokens: output } = event;
    const more = countOf(firstOf(output));
    if (more !== undefined) outputTokens = (outputTokens ?? 0) + more;
    return {
      outputText: newText(textOf(firstOf(text)) ?? ""),
      reasoningText: "",
      finishReason: reasonOf(firstOf(reason)),
      usage: countedUsage(firstOf(input), outputTokens),
      errorWords: errorWords(event),
    };
  };
}

/** Tensors of one element come as the element, others as a list. */
function firstOf(value: unknown): unknown {
  return Array.isArray(value) ? value[0] : value;
}

/** vLLM's backend writes `None` until there is one. */
export function reasonOf(value: unknown): string | undefined {
  const reason = textOf(value);
  return reason === "None" || reason === "N/A" ? undefined : reason;
}
