/**
 * SGLang's own API, `POST /generate`: a prompt, `sampling_params`, and answers that have the text so far in every event and the counts in
 * `meta_info`. It serves one model, which the body does not name.
 */

import { countedUsage, countOf } from "../counts.ts";
import { type NewText, readTexts } from "../cumulative.ts";
import type { Endpoint, TurnInput } from "../endpoint.ts";
import { type AnswerRules, type EventMeaning, parseAnswer } from "../event-stream.ts";
import { encodeJson, isJsonObject, type JsonObject, textOf } from "../json-body.ts";
import { mergedUnder } from "../merge.ts";
import { contentsOf } from "../parts.ts";
import type { TagOptions } from "../reasoning-tags.ts";
import { errorWords } from "../target-error.ts";

export function createSglangGenerateEndpoint({ reasoningTags }: TagOptions = {}): Endpoint {
  return {
    name: "sglang_generate",
    path: "/generate",
    canStream: true,
    takes: ["text", "image"],
    produces: "text",
    formatBody: (turn) => encodeJson(generateBody(turn)),
    parse: (response) =>
      readTexts("cumulative", (next) => parseAnswer(response, createReader(next), undefined, { ...rules, reasoningTags })),
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

/** Several answers (`n`) come as a list, or in a stream by their `index`. */
const rules: AnswerRules = {
  documentOf: (document) => (Array.isArray(document) ? { answers: document } : isJsonObject(document) ? document : undefined),
};

/** What is remembered of each answer of a stream. */
interface Choice {
  readonly newText: NewText;
  outputTokens: unknown;
}

function createReader(next: () => NewText): (event: JsonObject) => EventMeaning {
  const choices: Choice[] = [];
  const read = (event: JsonObject): EventMeaning => {
    const index = placeOf(event.index, choices.length);
    while (choices.length <= index) choices.push({ newText: next(), outputTokens: undefined });
    const choice = choices[index] as Choice;
    const meta = isJsonObject(event.meta_info) ? event.meta_info : {};
    const { type, message } = isJsonObject(meta.finish_reason) ? meta.finish_reason : { type: meta.finish_reason };
    const aborted = type === "abort" ? (textOf(message) ?? "the request was aborted") : undefined;
    const text = choice.newText(textOf(event.text) ?? "");
    choice.outputTokens = meta.completion_tokens ?? choice.outputTokens;
    const isFirst = index === 0;
    return {
      outputText: isFirst ? text : "",
      reasoningText: "",
      finishReason: isFirst ? textOf(type) : undefined,
      usage: countedUsage(meta.prompt_tokens, outputTokensOf(choices), meta.cached_tokens),
      errorWords: errorWords(event) ?? aborted,
      ...(isFirst ? {} : { others: { count: index + 1, ended: type ? 1 : 0, outputText: text, reasoningText: "" } }),
    };
  };
  return (event) => (Array.isArray(event.answers) ? together(event.answers.filter(isJsonObject), read) : read(event));
}

/** More answers than anybody asks for are none. */
const maxChoices = 1024;

function placeOf(index: unknown, known: number): number {
  return typeof index === "number" && Number.isSafeInteger(index) && index >= 0 && index < Math.max(known, maxChoices)
    ? index
    : 0;
}

/** Each answer counts its own. */
function outputTokensOf(choices: readonly Choice[]): unknown {
  if (choices.length === 1) return choices[0]?.outputTokens;
  return choices.reduce((sum, { outputTokens }) => sum + (countOf(outputTokens) ?? 0), 0);
}

/** A list of whole answers, as one. */
function together(answers: readonly JsonObject[], read: (event: JsonObject) => EventMeaning): EventMeaning {
  const meanings = answers.map((answer, index) => read({ ...answer, index }));
  const [first = read({})] = meanings;
  const others = meanings.flatMap(({ others: one }) => (one === undefined ? [] : [one]));
  return {
    ...first,
    usage: meanings.at(-1)?.usage,
    errorWords: meanings.find(({ errorWords: words }) => words !== undefined)?.errorWords,
    ...(others.length === 0
      ? {}
      : {
          others: {
            count: meanings.length,
            ended: others.filter(({ ended }) => ended > 0).length,
            outputText: others.map(({ outputText }) => outputText).join(""),
            reasoningText: "",
          },
        }),
  };
}
