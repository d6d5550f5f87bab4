/** What a session says of itself to the target again: the answers that came, and which of their tool calls a tool's message answers. Pure. */
import type { ChatMessage, ParsedResponse } from "../../endpoints/endpoint.ts";
import { isJsonObject, parseJson } from "../../endpoints/json-body.ts";

/** What of an answer is kept. */
export type Reply = Pick<ParsedResponse, "outputText" | "calling" | "answerId">;

/** An answer as a later turn repeats it. Reasoning is not repeated: servers take none back. */
export function replyOf({ outputText, calling, answerId }: Reply): ChatMessage {
  const named = answerId === undefined ? {} : { answerId };
  if (calling === undefined) return { role: "assistant", content: outputText, ...named };
  const { text, calls } = calling;
  const toolCalls = calls.map(({ id, name, argumentsText }, index) => ({
    id: id === "" ? `call_${index}` : id,
    type: "function",
    function: { name, arguments: argumentsText },
  }));
  // A target takes null for "said nothing but called"; a text that is empty is refused by some.
  const json = JSON.stringify({ role: "assistant", content: text === "" ? null : text, tool_calls: toolCalls });
  return { role: "assistant", content: outputText, json, ...named };
}

/**
 * The messages of a turn, each tool's result with the id of the call that it answers: the calls of the last answer in their order.
 * Messages that say their id themselves, and those for which there is no call, stay as they are.
 */
export function answeringCalls(messages: readonly ChatMessage[], history: readonly ChatMessage[]): readonly ChatMessage[] {
  const open = messages.some(isUnnamedResult) ? callIdsOf(history.at(-1)) : [];
  let next = 0;
  return messages.map((message) => {
    const id = isUnnamedResult(message) ? open[next++] : undefined;
    if (id === undefined) return message;
    return { ...message, json: JSON.stringify({ role: "tool", tool_call_id: id, content: message.content }) };
  });
}

function isUnnamedResult({ role, json }: ChatMessage): boolean {
  return role === "tool" && json === undefined;
}

function callIdsOf(message: ChatMessage | undefined): string[] {
  const said = message?.json === undefined ? undefined : parseJson(message.json);
  const calls: readonly unknown[] = isJsonObject(said) && Array.isArray(said.tool_calls) ? said.tool_calls : [];
  return calls.flatMap((call) => (isJsonObject(call) && typeof call.id === "string" ? [call.id] : []));
}
