/** What a completion object says: a chunk of a stream or the whole answer, which have the same form. What is told of several choices is of the first. */
import type { EventMeaning } from "../event-stream.ts";
import { type JsonObject, textOf } from "../json-body.ts";
import { failureWords, firstChoice, otherChoices } from "./choices.ts";
import { specDecodeOf } from "./spec-decode.ts";
import { usageOf } from "./usage.ts";

/** Reads a `text_completion`; objects of other kinds mean nothing. */
export function readCompletionsEvent(event: JsonObject): EventMeaning {
  const choice = firstChoice(event);
  return {
    outputText: textOf(choice?.text) ?? "",
    reasoningText: reasoningOf(choice),
    finishReason: textOf(choice?.finish_reason),
    usage: usageOf(event),
    errorWords: failureWords(event, choice),
    ...specDecodeOf(choice),
    ...otherChoices(event, choice, textsOf),
  };
}

function textsOf(choice: JsonObject) {
  return { outputText: textOf(choice.text) ?? "", reasoningText: reasoningOf(choice) };
}

/** Gateways that make a chat of a prompt tell the two apart here, too. */
function reasoningOf(choice: JsonObject | undefined): string {
  return textOf(choice?.reasoning_content) ?? textOf(choice?.reasoning) ?? "";
}
