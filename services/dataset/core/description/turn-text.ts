/** The text of a turn, as far as it is one. Pure. */
import { bodyFacts, textsOf } from "../../../../endpoints/body-facts.ts";
import type { ChatMessage } from "../../../../endpoints/endpoint.ts";
import { decodeText, isJsonObject, parseJson } from "../../../../endpoints/json-body.ts";
import type { Turn } from "../turns.ts";

/** What a turn's own messages say, media aside; of a turn that brings its body, what that says. */
export function textsOfTurn({ messages, rawBody }: Pick<Turn, "messages" | "rawBody">): string[] {
  return rawBody === undefined ? messages.flatMap(textsOfMessage) : textsOfBody(rawBody);
}

/** A message that only JSON can say may have its text there alone. */
function textsOfMessage({ content, json }: ChatMessage): string[] {
  const value = content === "" && json !== undefined ? parseJson(json) : undefined;
  return isJsonObject(value) ? textsOf(value.content) : [content];
}

/** Of a body that has its texts somewhere else all of it. */
function textsOfBody(body: Uint8Array): string[] {
  const { texts } = bodyFacts(body);
  return texts.length === 0 ? [decodeText(body)] : [...texts];
}
