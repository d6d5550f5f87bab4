/** What a completion object says: a chunk of a stream or the whole answer, which have the same form. Only the first choice counts. */
import type { EventMeaning } from "../event-stream.ts";
import { type JsonObject, textOf } from "../json-body.ts";
import { errorWords } from "../target-error.ts";
import { firstChoice } from "./first-choice.ts";
import { specDecodeOf } from "./spec-decode.ts";
import { usageOf } from "./usage.ts";

/** Reads a `text_completion`; objects of other kinds mean nothing. */
export function readCompletionsEvent(event: JsonObject): EventMeaning {
  const choice = firstChoice(event);
  return {
    outputText: textOf(choice?.text) ?? "",
    reasoningText: "",
    finishReason: textOf(choice?.finish_reason),
    usage: usageOf(event),
    errorWords: errorWords(event),
    ...specDecodeOf(choice),
  };
}
