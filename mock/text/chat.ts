/**
 * `/v1/chat/completions`. TTFT of this server is the first *content* chunk. The role chunk, whose content is empty, goes out in
 * the same write just before it. Pure.
 */
import { isObject } from "./ascii-json.ts";
import { type MockEndpoint, tokensOfBytes } from "./endpoint.ts";
import { refusal } from "./refusal.ts";

export const chat: MockEndpoint = {
  idPrefix: "chatcmpl-",
  wholeObject: "chat.completion",
  eventObject: "chat.completion.chunk",
  lengthFields: ["max_completion_tokens", "max_tokens"],
  readPrompt({ messages }) {
    if (!Array.isArray(messages) || messages.length === 0) {
      return refusal(400, "messages must be a list of one or more", "messages");
    }
    let bytes = 0;
    for (const message of messages) for (const text of textsIn(message)) bytes += Buffer.byteLength(text);
    return { tokens: tokensOfBytes(bytes), choices: 1 };
  },
  textsOf({ messages }) {
    return [(messages as readonly unknown[]).flatMap((message) => [roleOf(message), ...textsIn(message)]).join("\n")];
  },
  openingChoice: '{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}',
  contentChoice: (index, text) => `{"index":${index},"delta":{"content":"${text}"},"logprobs":null,"finish_reason":null}`,
  finishChoice: (index, reason) => `{"index":${index},"delta":{},"logprobs":null,"finish_reason":"${reason}"}`,
  wholeChoice: (index, text, reason) =>
    `{"index":${index},"message":{"role":"assistant","content":"${text}"},"logprobs":null,"finish_reason":"${reason}"}`,
};

const none: readonly string[] = [];

/** A message's texts: `content` as a text, or the `text` of its parts. */
function textsIn(message: unknown): readonly string[] {
  if (!isObject(message)) return none;
  const { content } = message;
  if (typeof content === "string") return [content];
  if (!Array.isArray(content)) return none;
  return content.flatMap((part) => (isObject(part) && typeof part.text === "string" ? part.text : []));
}

function roleOf(message: unknown): string {
  return isObject(message) ? String(message.role) : "";
}
