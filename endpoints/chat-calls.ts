/** Tools as OpenAI's chat writes them, in messages and in what requests offer, for APIs that write them otherwise. Pure. */
import type { ChatMessage, ToolCall } from "./endpoint.ts";
import { isJsonObject, type JsonObject, parseJson, textOf } from "./json-body.ts";

/** What a message says that is more than text. */
export type Spoken =
  | { readonly kind: "calls"; readonly text: string; readonly calls: readonly ToolCall[] }
  | { readonly kind: "result"; readonly callId: string; readonly output: string }
  /** As it is, in the API's own words. */
  | { readonly kind: "verbatim"; readonly message: JsonObject }
  | { readonly kind: "plain" };

export function spokenOf({ json, content }: ChatMessage): Spoken {
  const own = json === undefined ? undefined : parseJson(json);
  if (!isJsonObject(own)) return { kind: "plain" };
  const callId = textOf(own.tool_call_id);
  if (own.role === "tool" && callId !== undefined) {
    return { kind: "result", callId, output: typeof own.content === "string" ? own.content : content };
  }
  const calls = Array.isArray(own.tool_calls) ? own.tool_calls.flatMap(callOf) : [];
  return calls.length === 0 ? { kind: "verbatim", message: own } : { kind: "calls", text: textOf(own.content) ?? "", calls };
}

function callOf(call: unknown): ToolCall[] {
  if (!isJsonObject(call) || !isJsonObject(call.function)) return [];
  const { name, arguments: given } = call.function;
  const argumentsText = isJsonObject(given) ? JSON.stringify(given) : (textOf(given) ?? "");
  return [{ id: textOf(call.id) ?? "", name: textOf(name) ?? "", argumentsText }];
}

/** What chat offers as `{"type":"function","function":{…}}`: the inner object. Undefined for tools of other forms. */
export function offeredFunction(tool: unknown): JsonObject | undefined {
  return isJsonObject(tool) && isJsonObject(tool.function) ? tool.function : undefined;
}

/** Text messages at the beginning that instruct the model, and what follows them. */
export function withoutInstructions(messages: readonly ChatMessage[]): {
  readonly instructions: string | undefined;
  readonly rest: readonly ChatMessage[];
} {
  const first = messages.findIndex(({ role, json }) => role !== "system" || json !== undefined);
  const count = first < 0 ? messages.length : first;
  if (count === 0) return { instructions: undefined, rest: messages };
  const instructions = messages
    .slice(0, count)
    .map(({ content }) => content)
    .join("\n");
  return { instructions, rest: messages.slice(count) };
}
