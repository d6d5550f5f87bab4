/**
 * What a chat completion object says: a chunk of a stream (`delta`) or the whole answer (`message`). Content is text, reasoning
 * (`reasoning_content`, `reasoning` in newer vLLM, or parts of the content that are `thinking`, as Mistral has them), refusals, audio with its
 * transcript, and the names and arguments of tool calls; a first chunk with nothing but a role is none. Of several choices the texts of all
 * are content; what else is told is of the first.
 */
import type { OtherChoices } from "../endpoint.ts";
import type { CallPiece, EventMeaning } from "../event-stream.ts";
import { isJsonObject, type JsonObject, textOf } from "../json-body.ts";
import { failureWords, firstChoice, otherChoices } from "./choices.ts";
import { specDecodeOf } from "./spec-decode.ts";
import { usageOf } from "./usage.ts";

/** Reads a `chat.completion.chunk` or a `chat.completion`; objects of other kinds mean nothing. */
export function readChatEvent(event: JsonObject): EventMeaning {
  const choice = firstChoice(event);
  const message = messageOf(choice);
  const text = spokenText(message);
  const pieces = callPieces(message);
  const outputText = withCalls(text, pieces);
  const reasoningText = reasoningOf(message);
  const finishReason = textOf(choice?.finish_reason);
  const hasAudio = isJsonObject(message.audio) && textOf(message.audio.data) !== undefined;
  const hasContent = outputText !== "" || reasoningText !== "" || hasAudio;
  return {
    outputText,
    reasoningText,
    finishReason,
    usage: usageOf(event),
    errorWords: failureWords(event, choice),
    ...specDecodeOf(choice),
    ...otherChoices(event, choice, textsOf),
    ...(pieces.length === 0 ? {} : { calling: { text, pieces } }),
    ...(hasAudio ? { hasOtherContent: true } : {}),
    ...(hasContent || finishReason !== undefined || textOf(message.role) === undefined ? {} : { isRole: true }),
  };
}

const nothing: JsonObject = {};

function messageOf(choice: JsonObject | undefined): JsonObject {
  const message = choice?.delta ?? choice?.message;
  return isJsonObject(message) ? message : nothing;
}

function textsOf(choice: JsonObject): Pick<OtherChoices, "outputText" | "reasoningText"> {
  const message = messageOf(choice);
  return { outputText: withCalls(spokenText(message), callPieces(message)), reasoningText: reasoningOf(message) };
}

/** The text of calls counts as output: the model has made it token by token. */
function withCalls(text: string, pieces: readonly CallPiece[]): string {
  return pieces.reduce((all, { name, argumentsText }) => all + name + argumentsText, text);
}

function spokenText(message: JsonObject): string {
  return contentText(message.content) + (textOf(message.refusal) ?? "") + transcript(message);
}

function reasoningOf({ reasoning_content: content, reasoning, content: parts }: JsonObject): string {
  return textOf(content) ?? textOf(reasoning) ?? (Array.isArray(parts) ? thinkingText(parts) : "");
}

/** Of parts `{"type": "thinking", "thinking": [{"type": "text", "text": "…"}]}`, whose inner list may also be a text. */
function thinkingText(parts: readonly unknown[]): string {
  return parts.map((part) => (isJsonObject(part) && part.type === "thinking" ? contentText(part.thinking) : "")).join("");
}

function transcript({ audio }: JsonObject): string {
  return isJsonObject(audio) ? (textOf(audio.transcript) ?? "") : "";
}

/** Of `tool_calls`, and of the form of before 2023, which wrappers still send. */
function callPieces({ tool_calls: toolCalls, function_call: functionCall }: JsonObject): CallPiece[] {
  if (toolCalls === undefined && functionCall === undefined) return [];
  const calls: readonly unknown[] = Array.isArray(toolCalls) ? toolCalls : [];
  const pieces = calls.flatMap((call, place) => {
    if (!isJsonObject(call)) return [];
    const index = typeof call.index === "number" ? call.index : place;
    return [pieceOf(isJsonObject(call.function) ? call.function : {}, index, textOf(call.id) ?? "")];
  });
  return isJsonObject(functionCall) ? [...pieces, pieceOf(functionCall, pieces.length, "")] : pieces;
}

function pieceOf({ name, arguments: given }: JsonObject, index: number, id: string): CallPiece {
  // Some servers send the arguments as an object instead of its JSON.
  const argumentsText = isJsonObject(given) ? JSON.stringify(given) : (textOf(given) ?? "");
  return { index, id, name: textOf(name) ?? "", argumentsText };
}

/** A string, or a list of parts of which those with a text count. */
function contentText(content: unknown): string {
  if (!Array.isArray(content)) return textOf(content) ?? "";
  return content.map((part: unknown) => (isJsonObject(part) ? (textOf(part.text) ?? "") : "")).join("");
}
