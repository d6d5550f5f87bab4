/**
 * `/v1/chat/completions`. TTFT of this server is the first *content* chunk. The role chunk, whose content is empty, goes out in
 * the same write just before it. Pure.
 */
import { isObject, textOfValue } from "./ascii-json.ts";
import { choiceEndpoint } from "./choices.ts";
import { tokensOfTexts } from "./endpoint.ts";
import { refusal } from "./refusal.ts";

const form = {
  name: "chat",
  idPrefix: "chatcmpl-",
  wholeObject: "chat.completion",
  eventObject: "chat.completion.chunk",
  openingChoice: '{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}',
  contentChoice: (index: number, text: string) =>
    `{"index":${index},"delta":{"content":"${text}"},"logprobs":null,"finish_reason":null}`,
  finishChoice: (index: number, reason: string) => `{"index":${index},"delta":{},"logprobs":null,"finish_reason":"${reason}"}`,
  wholeChoice: (index: number, text: string, reason: string) =>
    `{"index":${index},"message":{"role":"assistant","content":"${text}"},"logprobs":null,"finish_reason":"${reason}"}`,
};

export const chat = choiceEndpoint(form, {
  lengthFields: ["max_completion_tokens", "max_tokens"],
  readPrompt({ messages }) {
    if (!Array.isArray(messages) || messages.length === 0) {
      return refusal(400, "messages must be a list of one or more", "messages");
    }
    return { tokens: tokensOfTexts(messages.flatMap(textsIn)), choices: 1 };
  },
  textsOf: ({ messages }) => [conversationText(messages)],
});

/** Roles and texts of messages, a line each. */
export function conversationText(messages: unknown): string {
  return (Array.isArray(messages) ? messages : []).flatMap((message) => [roleOf(message), ...textsIn(message)]).join("\n");
}

const none: readonly string[] = [];

/** A message's texts: `content` as a text, or the `text` of its parts. */
export function textsIn(message: unknown): readonly string[] {
  if (!isObject(message)) return none;
  const { content } = message;
  if (typeof content === "string") return [content];
  if (!Array.isArray(content)) return none;
  return content.flatMap((part) => (isObject(part) && typeof part.text === "string" ? part.text : []));
}

function roleOf(message: unknown): string {
  return isObject(message) ? textOfValue(message.role) : "";
}
