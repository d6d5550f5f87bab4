/** Ollama's completion of a prompt, `POST /api/generate`. A system message is the field `system`; there is no history. */

import type { Endpoint, TurnInput } from "../endpoint.ts";
import { type EventMeaning, parseAnswer } from "../event-stream.ts";
import { encodeJson, type JsonObject, textOf } from "../json-body.ts";
import { contentsOf } from "../parts.ts";
import type { TagOptions } from "../reasoning-tags.ts";
import { imageOf, lineMeaning, lineRules, ollamaBody } from "./ollama.ts";

export function createOllamaGenerateEndpoint({ reasoningTags }: TagOptions = {}): Endpoint {
  return {
    name: "ollama_generate",
    path: "/api/generate",
    canStream: true,
    takes: ["text", "image"],
    produces: "text",
    formatBody: (turn) => encodeJson(ollamaBody(promptOf(turn), turn)),
    parse: (response) => parseAnswer(response, readLine, undefined, { ...lineRules, reasoningTags }),
  };
}

function promptOf({ messages }: TurnInput): JsonObject {
  const said = messages.filter(({ role }) => role !== "system");
  const system = contentsOf(
    messages.filter(({ role }) => role === "system"),
    "text",
  ).join("\n");
  const images = contentsOf(said, "image").map(imageOf);
  return {
    prompt: contentsOf(said, "text").join("\n"),
    ...(system === "" ? {} : { system }),
    ...(images.length === 0 ? {} : { images }),
  };
}

function readLine(line: JsonObject): EventMeaning {
  return {
    ...lineMeaning(line),
    outputText: textOf(line.response) ?? "",
    reasoningText: textOf(line.thinking) ?? "",
  };
}
