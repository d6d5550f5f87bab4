/** Solido's retrieval-augmented answers, `POST /rag/api/prompt`: bodies as AIPerf writes them. No event of a stream says that it is the last. */

import type { Endpoint } from "../endpoint.ts";
import { type AnswerRules, type EventMeaning, parseAnswer } from "../event-stream.ts";
import { encodeJson, type JsonObject, textOf } from "../json-body.ts";
import { contentsOf } from "../parts.ts";
import type { TagOptions } from "../reasoning-tags.ts";
import { errorWords } from "../target-error.ts";

const rules: AnswerRules = { isEndUnmarked: true };

export function createSolidoRagEndpoint({ reasoningTags }: TagOptions = {}): Endpoint {
  return {
    name: "solido_rag",
    path: "/rag/api/prompt",
    canStream: true,
    takes: ["text", "texts"],
    produces: "text",
    asksNoLength: true,
    formatBody: ({ messages, model, extraInputs }) =>
      encodeJson({
        query: contentsOf(messages, "text"),
        filters: { family: "Solido", tool: "SDE" },
        inference_model: model,
        ...extraInputs,
      }),
    parse: (response) => parseAnswer(response, readPiece, undefined, { ...rules, reasoningTags }),
  };
}

function readPiece(event: JsonObject): EventMeaning {
  return {
    outputText: textOf(event.content) ?? "",
    reasoningText: "",
    finishReason: undefined,
    usage: undefined,
    errorWords: errorWords(event),
  };
}
