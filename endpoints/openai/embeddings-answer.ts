/** What an answer of embeddings says: how many vectors it holds, as numbers or in base64. */
import { inputUsage } from "../data-usage.ts";
import type { EventMeaning } from "../event-stream.ts";
import { isJsonObject, type JsonObject, textOf } from "../json-body.ts";
import { errorWords } from "../target-error.ts";

/** Reads a list of embeddings; an entry that is none is a problem, whatever it calls itself. */
export function readEmbeddings(answer: JsonObject): EventMeaning {
  const entries: readonly unknown[] = Array.isArray(answer.data) ? answer.data : [];
  const wrong = entries.findIndex((entry) => !isJsonObject(entry) || !isVector(entry.embedding));
  return {
    outputText: "",
    reasoningText: "",
    finishReason: undefined,
    usage: inputUsage(answer),
    errorWords: errorWords(answer),
    outputCount: entries.length,
    ...(wrong < 0 ? {} : { problem: `entry ${wrong} of the answer's data is no embedding` }),
  };
}

/** Vectors of several tokens are lists of vectors; several encodings at once are an object. */
function isVector(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0 && (typeof value[0] === "number" || Array.isArray(value[0]));
  return textOf(value) !== undefined || (isJsonObject(value) && Object.keys(value).length > 0);
}
