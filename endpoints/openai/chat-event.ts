/**
 * What a chat completion object says: a chunk of a stream (`delta`) or the whole answer (`message`). Only the first choice counts,
 * as in AIPerf. Content is text, reasoning (`reasoning_content`, or `reasoning` in newer vLLM), refusals, and the names and arguments of
 * tool calls; a first chunk with nothing but a role is none.
 */
import type { EventMeaning } from "../event-stream.ts";
import { isJsonObject, type JsonObject, textOf } from "../json-body.ts";
import { errorWords } from "../target-error.ts";
import { readUsage } from "./usage.ts";

/** Reads a `chat.completion.chunk` or a `chat.completion`; objects of other kinds mean nothing. */
export function readChatEvent(event: JsonObject): EventMeaning {
  const choices = Array.isArray(event.choices) ? event.choices : [];
  // The chunk that carries usage has no choices.
  const choice: unknown = choices[0];
  const message = isJsonObject(choice) ? (choice.delta ?? choice.message) : undefined;
  return {
    outputText: isJsonObject(message) ? outputText(message) : "",
    reasoningText: isJsonObject(message) ? (textOf(message.reasoning_content) ?? textOf(message.reasoning) ?? "") : "",
    finishReason: isJsonObject(choice) ? textOf(choice.finish_reason) : undefined,
    usage: readUsage(event.usage),
    errorWords: errorWords(event),
  };
}

function outputText(message: JsonObject): string {
  const text = contentText(message.content) + (textOf(message.refusal) ?? "");
  if (message.tool_calls === undefined && message.function_call === undefined) return text;
  const calls = Array.isArray(message.tool_calls) ? message.tool_calls : [];
  const called = calls.map((call: unknown) => (isJsonObject(call) ? callText(call.function) : "")).join("");
  // The form of before 2023, which wrappers still send.
  return text + called + callText(message.function_call);
}

/** A string, or a list of parts of which those with a text count. */
function contentText(content: unknown): string {
  if (!Array.isArray(content)) return textOf(content) ?? "";
  return content.map((part: unknown) => (isJsonObject(part) ? (textOf(part.text) ?? "") : "")).join("");
}

function callText(call: unknown): string {
  if (!isJsonObject(call)) return "";
  // Some servers send the arguments as an object instead of its JSON.
  const args = isJsonObject(call.arguments) ? JSON.stringify(call.arguments) : (textOf(call.arguments) ?? "");
  return (textOf(call.name) ?? "") + args;
}
