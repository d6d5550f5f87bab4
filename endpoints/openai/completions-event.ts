/** What a completion object says: a chunk of a stream or the whole answer, which have the same form. Only the first choice counts. */
import type { EventMeaning } from "../event-stream.ts";
import { isJsonObject, type JsonObject, textOf } from "../json-body.ts";
import { errorWords } from "../target-error.ts";
import { usageOf } from "./usage.ts";

/** Reads a `text_completion`; objects of other kinds mean nothing. */
export function readCompletionsEvent(event: JsonObject): EventMeaning {
  const choices = Array.isArray(event.choices) ? event.choices : [];
  // The chunk that carries usage has no choices.
  const choice: unknown = choices[0];
  return {
    outputText: isJsonObject(choice) ? (textOf(choice.text) ?? "") : "",
    reasoningText: "",
    finishReason: isJsonObject(choice) ? textOf(choice.finish_reason) : undefined,
    usage: usageOf(event),
    errorWords: errorWords(event),
  };
}
