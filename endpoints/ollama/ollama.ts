/** What Ollama's two native APIs have in common: options, counts, and a stream of lines of which the last is `done`. */
import { countedUsage } from "../counts.ts";
import type { TurnInput } from "../endpoint.ts";
import type { AnswerRules, EventMeaning } from "../event-stream.ts";
import { type JsonObject, textOf } from "../json-body.ts";
import { mergedUnder } from "../merge.ts";
import { errorWords } from "../target-error.ts";

export const lineRules: AnswerRules = { isLines: true };

/** Lengths are `options.num_predict`. `options` of the extra inputs are merged into those. */
export function ollamaBody(own: JsonObject, { model, maxOutputTokens, isStreaming, extraInputs }: TurnInput): JsonObject {
  const options = maxOutputTokens === undefined ? {} : { options: { num_predict: maxOutputTokens } };
  // A body that says nothing asks for a stream.
  return mergedUnder({ model, ...own, stream: isStreaming, ...options }, extraInputs, "options");
}

/** What every line says beside its text. */
export function lineMeaning(line: JsonObject): Omit<EventMeaning, "outputText" | "reasoningText"> {
  const isDone = line.done === true;
  return {
    finishReason: isDone ? textOf(line.done_reason) : undefined,
    usage: countedUsage(line.prompt_eval_count, line.eval_count),
    errorWords: errorWords(line),
    isEnd: isDone,
  };
}

/** Base64 without what a data URL has before it. Ollama takes no address of an image: one goes out as it is and is refused there. */
export function imageOf(url: string): string {
  return url.replace(/^data:[^,]*;base64,/, "");
}
