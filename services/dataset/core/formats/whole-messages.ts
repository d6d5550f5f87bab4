/** Messages as the target's API has them, whole: what says more than a role and a text goes on the wire as it is. Pure. */
import { textsOf } from "../../../../endpoints/body-facts.ts";
import type { ChatMessage } from "../../../../endpoints/endpoint.ts";
import { isJsonObject } from "../../../../endpoints/json-body.ts";
import { type RowProblem, shownValue } from "./row.ts";

const roles = ["system", "user", "assistant", "tool"] as const;

/** @param field as the row calls the list, for errors */
export function readMessages(
  messages: unknown,
  field: string,
): { readonly messages: readonly ChatMessage[] } | { readonly problem: RowProblem } {
  if (!Array.isArray(messages) || messages.length === 0) {
    return { problem: { field, message: `expected a list of messages that is not empty, got ${shownValue(messages)}` } };
  }
  const read: ChatMessage[] = [];
  for (const [index, message] of messages.entries()) {
    const one = messageOf(message);
    if (one === undefined) {
      const expected = "expected an object with the role system, developer, user, assistant or tool";
      return { problem: { field, shownField: `${field}[${index}]`, message: `${expected}, got ${shownValue(message)}` } };
    }
    read.push(one);
  }
  return { messages: read };
}

/** Undefined: it is none. */
function messageOf(message: unknown): ChatMessage | undefined {
  if (!isJsonObject(message) || typeof message.role !== "string") return undefined;
  const { role, content } = message;
  const known = roles.find((name) => name === role);
  if (known === undefined && role !== "developer") return undefined;
  const isPlain = known !== undefined && typeof content === "string" && Object.keys(message).length === 2;
  return { role: known ?? "system", content: textsOf(content).join("\n"), ...(isPlain ? {} : { json: JSON.stringify(message) }) };
}
