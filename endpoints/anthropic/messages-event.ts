/**
 * What the Messages API says: an event of a stream, or the whole message. Text, thinking, and the names and inputs of tool uses are
 * content. Token counts come in two events, which are put together; `input_tokens` leaves out what went through the cache, so that
 * the prompt is the sum of the three.
 */
import type { Usage } from "../../metrics/metric.ts";
import type { CallPiece, EventMeaning, ReadEvent } from "../event-stream.ts";
import { isJsonObject, type JsonObject, textOf } from "../json-body.ts";
import { readUsage } from "../openai/usage.ts";
import { errorWords } from "../target-error.ts";

const nothing: EventMeaning = {
  outputText: "",
  reasoningText: "",
  finishReason: undefined,
  usage: undefined,
  errorWords: undefined,
};

/** A reader of one answer: it remembers its token counts. */
export function messagesReader(): ReadEvent {
  let known: JsonObject = {};
  const fold = (usage: unknown): Usage | undefined => {
    if (isJsonObject(usage))
      known = { ...known, ...Object.fromEntries(Object.entries(usage).filter(([, value]) => value !== null)) };
    return promptWithCache(readUsage(known));
  };
  return (event) => readEvent(event, fold);
}

function readEvent(event: JsonObject, fold: (usage: unknown) => Usage | undefined): EventMeaning {
  const index = typeof event.index === "number" ? event.index : 0;
  switch (event.type) {
    case "content_block_delta":
      return readDelta(isJsonObject(event.delta) ? event.delta : {}, index);
    case "content_block_start":
      return readBlocks([event.content_block], index);
    case "message_start":
      return { ...nothing, usage: fold(isJsonObject(event.message) ? event.message.usage : undefined), isRole: true };
    case "message_delta":
      return { ...nothing, finishReason: stopOf(event.delta), usage: fold(event.usage) };
    case "message_stop":
      return { ...nothing, isEnd: true };
    case "message":
      return {
        ...readBlocks(Array.isArray(event.content) ? event.content : [], 0),
        finishReason: stopOf(event),
        usage: fold(event.usage),
      };
    default:
      return { ...nothing, errorWords: errorWords(event) };
  }
}

function readDelta({ type, text, thinking, partial_json: partial }: JsonObject, index: number): EventMeaning {
  switch (type) {
    case "text_delta":
      return { ...nothing, outputText: textOf(text) ?? "" };
    case "thinking_delta":
      return { ...nothing, reasoningText: textOf(thinking) ?? "" };
    case "input_json_delta":
      return withCalls(nothing, [{ index, id: "", name: "", argumentsText: textOf(partial) ?? "" }]);
    default:
      // Signatures and citations are no text of the model's.
      return nothing;
  }
}

function readBlocks(blocks: readonly unknown[], first: number): EventMeaning {
  const objects = blocks.map((block) => (isJsonObject(block) ? block : {}));
  const text = objects.map((block) => (block.type === "text" ? (textOf(block.text) ?? "") : "")).join("");
  const reasoningText = objects.map((block) => (block.type === "thinking" ? (textOf(block.thinking) ?? "") : "")).join("");
  const pieces = objects.flatMap((block, place) => (block.type === "tool_use" ? [pieceOf(block, first + place)] : []));
  return withCalls({ ...nothing, outputText: text, reasoningText }, pieces);
}

/** In a stream the input is empty first and comes in pieces. */
function pieceOf({ id, name, input }: JsonObject, index: number): CallPiece {
  const argumentsText = isJsonObject(input) && Object.keys(input).length > 0 ? JSON.stringify(input) : "";
  return { index, id: textOf(id) ?? "", name: textOf(name) ?? "", argumentsText };
}

function withCalls(meaning: EventMeaning, pieces: readonly CallPiece[]): EventMeaning {
  if (pieces.length === 0) return meaning;
  const { outputText: text } = meaning;
  const outputText = pieces.reduce((all, { name, argumentsText }) => all + name + argumentsText, text);
  return { ...meaning, outputText, calling: { text, pieces } };
}

function stopOf(message: unknown): string | undefined {
  return isJsonObject(message) ? textOf(message.stop_reason) : undefined;
}

function promptWithCache(usage: Usage | undefined): Usage | undefined {
  if (usage?.promptTokens === undefined) return usage;
  const { promptTokens, cachedPromptTokens = 0, cacheWritePromptTokens = 0 } = usage;
  return { ...usage, promptTokens: promptTokens + cachedPromptTokens + cacheWritePromptTokens };
}
