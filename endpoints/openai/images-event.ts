/**
 * What an images API says: an event of a stream, with one image or a draft of it in `b64_json`, or all images at once. A stream ends
 * with the last `….completed`.
 */
import type { EventMeaning } from "../event-stream.ts";
import { isJsonObject, type JsonObject, textOf } from "../json-body.ts";
import { errorWords } from "../target-error.ts";
import { usageOf } from "./usage.ts";

export function readImagesEvent(event: JsonObject): EventMeaning {
  const isImage = textOf(event.b64_json) !== undefined;
  const isDraft = isImage && (event.partial_image_index !== undefined || String(event.type).endsWith(".partial_image"));
  const entries: readonly unknown[] = Array.isArray(event.data) ? event.data : [];
  const wrong = entries.findIndex((entry) => !isJsonObject(entry) || (textOf(entry.b64_json) ?? textOf(entry.url)) === undefined);
  return {
    outputText: "",
    reasoningText: "",
    finishReason: String(event.type).endsWith(".completed") ? "completed" : undefined,
    usage: usageOf(event),
    errorWords: errorWords(event),
    outputCount: entries.length + (isImage && !isDraft ? 1 : 0),
    ...(isDraft ? { hasOtherContent: true } : {}),
    ...(wrong < 0 ? {} : { problem: `entry ${wrong} of the answer's data is no image` }),
  };
}
