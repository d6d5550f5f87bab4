/** Messages and tools of OpenTelemetry's conventions for generative AI, as chat endpoints take them. Pure. */
import { isJsonObject, type JsonObject, parseJson } from "../../../../endpoints/json-body.ts";
import { isGiven, shownValue } from "./row.ts";

/** What a span says cannot be sent; its message is for people. */
export class Unreadable extends Error {}

/** A system message, of parts or of a bare text; none where nothing is said. */
export function exgenticSystem(value: unknown): readonly JsonObject[] {
  if (!isGiven(value) || value === "") return [];
  const parts = typeof value === "string" ? parseJson(value) : value;
  if (Array.isArray(parts) && parts.every(isJsonObject)) return messagesOf({ role: "system", parts });
  if (typeof value !== "string")
    throw new Unreadable(`expected gen_ai.system_instructions that are a text, got ${shownValue(value)}`);
  return [{ role: "system", content: value }];
}

/** At least one message. */
export function exgenticMessages(value: unknown): readonly JsonObject[] {
  const messages = objectsOf(value, "gen_ai.input.messages").flatMap(messagesOf);
  if (messages.length === 0) throw new Unreadable("expected gen_ai.input.messages, got none");
  return messages;
}

export function exgenticTools(value: unknown): readonly JsonObject[] {
  if (!isGiven(value)) return [];
  return objectsOf(value, "gen_ai.tool.definitions").map(({ type, name, description = null, parameters = null }) => {
    if (type !== "function") throw new Unreadable(`expected tools of the type function, got ${shownValue(type)}`);
    return { type, function: { name: name ?? null, description, parameters } };
  });
}

/** A list, or the JSON of one. */
function objectsOf(value: unknown, field: string): readonly JsonObject[] {
  const list = typeof value === "string" ? parseJson(value) : value;
  if (Array.isArray(list) && list.every(isJsonObject)) return list;
  throw new Unreadable(`expected ${field} that is a list of objects, got ${shownValue(value)}`);
}

/** Several where results of tools stand among its parts. */
function messagesOf({ role, parts }: JsonObject): JsonObject[] {
  if (typeof role !== "string" || !Array.isArray(parts)) throw new Unreadable("expected messages with a role and parts");
  const messages: JsonObject[] = [];
  let said = emptyMessage();
  const flush = (): void => {
    const { content, reasoning, toolCalls } = said;
    messages.push({
      role: role === "developer" ? "system" : role,
      content: content.join(""),
      ...(reasoning.length === 0 ? {} : { reasoning_content: reasoning.join("") }),
      ...(toolCalls.length === 0 ? {} : { tool_calls: toolCalls }),
    });
    said = emptyMessage();
  };
  const isSomething = (): boolean => said.content.length + said.reasoning.length + said.toolCalls.length > 0;
  for (const part of parts) {
    if (!isJsonObject(part)) throw new Unreadable(`expected parts that are objects, got ${shownValue(part)}`);
    switch (part.type) {
      case "text":
        said.content.push(String(part.content ?? ""));
        break;
      case "thinking":
        said.reasoning.push(String(part.thinking ?? ""));
        break;
      case "tool_call":
        said.toolCalls.push({
          id: part.id ?? null,
          type: "function",
          function: { name: part.name ?? null, arguments: jsonText(part.arguments) },
        });
        break;
      case "tool_call_response":
        if (isSomething()) flush();
        messages.push({ role: "tool", tool_call_id: part.id ?? null, content: jsonText(part.result) });
        break;
      default:
        throw new Unreadable(
          `expected parts of the type text, thinking, tool_call or tool_call_response, got ${shownValue(part.type)}`,
        );
    }
  }
  if (isSomething() || messages.length === 0) flush();
  return messages;
}

interface Said {
  readonly content: string[];
  readonly reasoning: string[];
  readonly toolCalls: JsonObject[];
}

function emptyMessage(): Said {
  return { content: [], reasoning: [], toolCalls: [] };
}

function jsonText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value ?? null);
}
