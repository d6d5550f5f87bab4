/** Every event of a stream of chat or text completions, with content or without, as tools count them that look at more than content. */
import type { EventMeaning } from "../event-stream.ts";
import { isJsonObject, type JsonObject, parseJson } from "../json-body.ts";
import { SseReader } from "../sse.ts";

/** `role`: a choice without content; `finish`: the same with a finish reason; `usage`: no choice at all; `end`: `[DONE]`. */
export type StreamEventKind = "role" | "reasoning" | "content" | "finish" | "usage" | "end";

export interface TimedEvent {
  readonly kind: StreamEventKind;
  /** Of the read that completed it, as the reads have it. */
  readonly ns: number;
}

export interface TimedPayload {
  readonly payload: Uint8Array;
  readonly readEnds: Uint32Array;
  readonly readNs: Float64Array;
}

/** In their order. Never throws: what is no JSON object is passed over. */
export function streamEvents(
  { payload, readEnds, readNs }: TimedPayload,
  read: (event: JsonObject) => EventMeaning,
): TimedEvent[] {
  const reader = new SseReader(payload);
  const events: TimedEvent[] = [];
  let at = 0;
  while (reader.next()) {
    while (at < readEnds.length - 1 && (readEnds[at] as number) < reader.end) at++;
    const kind = kindOf(reader.data(), read);
    if (kind !== undefined) events.push({ kind, ns: readNs[at] ?? 0 });
  }
  return events;
}

function kindOf(data: string, read: (event: JsonObject) => EventMeaning): StreamEventKind | undefined {
  if (data === "[DONE]") return "end";
  const event = parseJson(data);
  if (!isJsonObject(event)) return undefined;
  const { outputText, reasoningText, finishReason } = read(event);
  if (outputText !== "") return "content";
  if (reasoningText !== "") return "reasoning";
  if (!Array.isArray(event.choices) || event.choices.length === 0) return "usage";
  return finishReason === undefined ? "role" : "finish";
}
