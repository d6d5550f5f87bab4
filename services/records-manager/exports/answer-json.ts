/**
 * An answer as AIPerf's raw file shows it: of a stream a message for each event, with its lines as packets; else one text, or bytes in
 * base64. Pure.
 */
import { isEventStream } from "../../../endpoints/event-stream.ts";
import { SseReader } from "../../../endpoints/sse.ts";
import type { ReadStamps } from "../../common/chunk-stamps.ts";
import type { JsonObject } from "./json-text.ts";

export interface KeptAnswer extends ReadStamps {
  readonly payload: Uint8Array;
  readonly contentType: string;
  /** A stream was asked for. */
  readonly isStreaming: boolean;
}

/** @param sentNs the zero of the reads; moments come in the clock that it was read from */
export function answerJson(answer: KeptAnswer, sentNs: number): JsonObject[] {
  const { payload, contentType, readNs } = answer;
  if (payload.length === 0) return [];
  const messages = isEventStream(answer) ? messagesOf(answer, sentNs) : [];
  if (messages.length > 0) return messages;
  const text = utf8(payload);
  const body = text === undefined ? { raw_bytes: base64(payload) } : { text };
  return [{ perf_ns: momentOf(sentNs, readNs.at(-1)), ...body, content_type: contentType === "" ? undefined : contentType }];
}

/** Each has the moment of the read that completed it. */
function messagesOf({ payload, readEnds, readNs }: KeptAnswer, sentNs: number): JsonObject[] {
  const reader = new SseReader(payload);
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  const messages: JsonObject[] = [];
  let start = 0;
  let at = 0;
  while (reader.next()) {
    while (at < readEnds.length - 1 && (readEnds[at] as number) < reader.end) at++;
    const packets = packetsOf(bytes.toString("utf8", start, reader.end));
    messages.push({ perf_ns: momentOf(sentNs, readNs[at]), packets });
    start = reader.end;
  }
  return messages;
}

/** A line each; a comment has the name `comment`. */
function packetsOf(event: string): JsonObject[] {
  return event
    .split(/\r\n|\n|\r/)
    .filter((line) => line !== "")
    .map((line) => {
      const [, name = "", value = ""] = /^([^:]*):? ?(.*)$/s.exec(line) ?? [];
      return { name: name === "" ? "comment" : name, value };
    });
}

function momentOf(sentNs: number, afterNs = 0): bigint {
  return BigInt(Math.round(sentNs)) + BigInt(Math.round(afterNs));
}

/** Undefined: the bytes are no text. */
export function utf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

export function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}
