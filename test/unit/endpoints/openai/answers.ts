/** Answers as servers send them, and how they reach the parser. */
import type { ParsedResponse, RawResponse } from "../../../../endpoints/endpoint.ts";
import { createChatEndpoint } from "../../../../endpoints/openai/chat.ts";

export interface ReadPart {
  readonly text: string | Uint8Array;
  /** Arrival, in ms after the request was sent. */
  readonly ms: number;
}

/** One chunk of a stream with vLLM's fields; `choice` undefined: no choices. */
export function chunk(choice: Record<string, unknown> | undefined, rest: Record<string, unknown> = {}): Record<string, unknown> {
  const choices = choice === undefined ? [] : [{ index: 0, logprobs: null, finish_reason: null, ...choice }];
  return { id: "chatcmpl-1", object: "chat.completion.chunk", created: 1, model: "m", choices, ...rest };
}

export function content(text: string): Record<string, unknown> {
  return chunk({ delta: { content: text } });
}

export const finish: Record<string, unknown> = chunk({ delta: {}, finish_reason: "stop" });

/** `data: …` and a blank line for each event; strings as they are. */
export function sse(...events: readonly (Record<string, unknown> | string)[]): string {
  return events.map((event) => `data: ${typeof event === "string" ? event : JSON.stringify(event)}\n\n`).join("");
}

export function responseOf(parts: readonly ReadPart[], changes: Partial<RawResponse> = {}): RawResponse {
  const buffers = parts.map(({ text }) => Buffer.from(text as string));
  let end = 0;
  return {
    status: 200,
    contentType: "text/event-stream",
    payload: Buffer.concat(buffers),
    readEnds: Uint32Array.from(buffers, ({ length }) => (end += length)),
    readNs: Float64Array.from(parts, ({ ms }) => ms * 1e6),
    isStreaming: true,
    ...changes,
  };
}

/** Parses a body that came in one read after 10 ms. */
export function parseText(text: string | Uint8Array, changes: Partial<RawResponse> = {}): ParsedResponse {
  return createChatEndpoint().parse(responseOf([{ text, ms: 10 }], changes));
}

export function parseParts(...parts: readonly ReadPart[]): ParsedResponse {
  return createChatEndpoint().parse(responseOf(parts));
}
