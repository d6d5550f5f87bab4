/** A message as a file has it in the form of the target's API. */
import type { ChatMessage } from "../../../../endpoints/endpoint.ts";
import { isJsonObject } from "../../../../endpoints/json-body.ts";
import { shownValue } from "./row.ts";

const roles = ["system", "user", "assistant", "tool"] as const;

/** Goes on the wire as it is, where it says more than a role and a text. A text: why it is none. */
export function readMessage(message: unknown): ChatMessage | string {
  if (!isJsonObject(message) || typeof message.role !== "string" || message.role === "") {
    return `expected an object with a role, got ${shownValue(message)}`;
  }
  const { role, content } = message;
  const known = roles.find((name) => name === role) ?? "user";
  const text = typeof content === "string" ? content : Array.isArray(content) ? textOfParts(content) : "";
  if (!text.isWellFormed()) return "half of a surrogate pair is no text";
  const isPlain = known === role && typeof content === "string" && Object.keys(message).length === 2;
  return { role: known, content: text, ...(isPlain ? {} : { json: JSON.stringify(message) }) };
}

function textOfParts(parts: readonly unknown[]): string {
  const texts = parts.map((part) => (isJsonObject(part) && typeof part.text === "string" ? part.text : ""));
  return texts.filter((text) => text !== "").join("\n");
}
