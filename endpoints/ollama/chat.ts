/** Ollama's chat, `POST /api/chat`. */

import type { ChatMessage, Endpoint } from "../endpoint.ts";
import { type CallPiece, type EventMeaning, parseAnswer } from "../event-stream.ts";
import { encodeJson, isJsonObject, type JsonObject, parseJson, textOf } from "../json-body.ts";
import { contentsOf } from "../parts.ts";
import type { TagOptions } from "../reasoning-tags.ts";
import { imageOf, lineMeaning, lineRules, ollamaBody } from "./ollama.ts";

export function createOllamaChatEndpoint({ reasoningTags }: TagOptions = {}): Endpoint {
  return {
    name: "ollama_chat",
    path: "/api/chat",
    canStream: true,
    takes: ["text", "image"],
    produces: "text",
    formatBody: (turn) => {
      const tools = turn.tools === undefined ? {} : { tools: turn.tools };
      return encodeJson(ollamaBody({ messages: turn.messages.map(ollamaMessage), ...tools }, turn));
    },
    parse: (response) => parseAnswer(response, createChatReader(), undefined, { ...lineRules, reasoningTags }),
  };
}

function ollamaMessage(message: ChatMessage): JsonObject {
  const own = message.json === undefined ? undefined : parseJson(message.json);
  if (isJsonObject(own))
    return { ...own, ...(Array.isArray(own.tool_calls) ? { tool_calls: own.tool_calls.map(ollamaCall) } : {}) };
  const images = contentsOf([message], "image").map(imageOf);
  return { role: message.role, content: message.content, ...(images.length === 0 ? {} : { images }) };
}

/** OpenAI has the arguments as JSON text, Ollama as an object. */
function ollamaCall(call: unknown): unknown {
  if (!isJsonObject(call) || !isJsonObject(call.function)) return call;
  const written = call.function.arguments;
  const given = typeof written === "string" ? parseJson(written) : undefined;
  return isJsonObject(given) ? { ...call, function: { ...call.function, arguments: given } } : call;
}

/** Calls come whole, one or several a line, and are counted over the lines. */
function createChatReader(): (line: JsonObject) => EventMeaning {
  let calls = 0;
  return (line) => {
    const message = isJsonObject(line.message) ? line.message : {};
    const text = textOf(message.content) ?? "";
    const pieces = callsOf(message.tool_calls, calls);
    calls += pieces.length;
    return {
      ...lineMeaning(line),
      outputText: pieces.reduce((all, { name, argumentsText }) => all + name + argumentsText, text),
      reasoningText: textOf(message.thinking) ?? "",
      ...(pieces.length === 0 ? {} : { calling: { text, pieces } }),
    };
  };
}

function callsOf(toolCalls: unknown, before: number): CallPiece[] {
  const functions = Array.isArray(toolCalls) ? toolCalls.flatMap((call) => (isJsonObject(call) ? [call.function] : [])) : [];
  return functions.filter(isJsonObject).map((called, place) => {
    const given = called.arguments;
    const argumentsText = isJsonObject(given) ? JSON.stringify(given) : (textOf(given) ?? "");
    return { index: before + place, id: "", name: textOf(called.name) ?? "", argumentsText };
  });
}
