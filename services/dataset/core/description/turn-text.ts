/** The text of a turn, as far as it is one. Pure. */
import type { ChatMessage } from "../../../../endpoints/endpoint.ts";
import { decodeText, isJsonObject, parseJson } from "../../../../endpoints/json-body.ts";
import type { Turn } from "../turns.ts";

/** What a turn's own messages say, media aside; of a turn that brings its body, what that says. */
export function textsOfTurn({ messages, rawBody }: Pick<Turn, "messages" | "rawBody">): string[] {
  return rawBody === undefined ? messages.flatMap(textsOfMessage) : textsOfBody(decodeText(rawBody));
}

/** A message that only JSON can say may have its text there alone. */
function textsOfMessage({ content, json }: ChatMessage): string[] {
  const value = content === "" && json !== undefined ? parseJson(json) : undefined;
  return isJsonObject(value) ? textsOf(value.content) : [content];
}

/** Prompts and messages as the APIs of targets have them; of another body all of it. */
function textsOfBody(body: string): string[] {
  const value = parseJson(body);
  if (!isJsonObject(value)) return [body];
  const { messages, prompt, input } = value;
  if (Array.isArray(messages)) return messages.flatMap((message) => (isJsonObject(message) ? textsOf(message.content) : []));
  const texts = [...textsOf(prompt), ...textsOf(input)];
  return texts.length === 0 ? [body] : texts;
}

function textsOf(content: unknown): string[] {
  if (typeof content === "string") return [content];
  if (!Array.isArray(content)) return [];
  return content.flatMap((part) => {
    if (typeof part === "string") return [part];
    return isJsonObject(part) && typeof part.text === "string" ? [part.text] : [];
  });
}
