/**
 * What the Responses API says: an event of a stream, known by its `type`, or the whole response. Pieces of text, reasoning and tool
 * calls are content; what a stream says again of a part that is whole counts only where none of the part came before. The stream ends
 * with `response.completed` or `response.incomplete`; `[DONE]`, which some servers append, is not needed.
 */
import type { CallPiece, EventMeaning, ReadEvent } from "../event-stream.ts";
import { isJsonObject, type JsonObject, textOf } from "../json-body.ts";
import { errorWords } from "../target-error.ts";
import { usageOf } from "./usage.ts";

const nothing: EventMeaning = {
  outputText: "",
  reasoningText: "",
  finishReason: undefined,
  usage: undefined,
  errorWords: undefined,
};

type PartKind = "text" | "reasoning" | "arguments";

/** Events that bring a piece of a part, in `delta`. */
const deltas: Readonly<Record<string, PartKind>> = {
  "response.output_text.delta": "text",
  "response.refusal.delta": "text",
  "response.audio.transcript.delta": "text",
  "response.reasoning_text.delta": "reasoning",
  "response.reasoning_summary_text.delta": "reasoning",
  "response.function_call_arguments.delta": "arguments",
  "response.custom_tool_call_input.delta": "arguments",
  "response.mcp_call_arguments.delta": "arguments",
};

/** Events that say a part again, and in which field. */
const wholes: Readonly<Record<string, readonly [kind: PartKind, field: string]>> = {
  "response.output_text.done": ["text", "text"],
  "response.refusal.done": ["text", "refusal"],
  "response.reasoning_text.done": ["reasoning", "text"],
  "response.reasoning_summary_text.done": ["reasoning", "text"],
  "response.function_call_arguments.done": ["arguments", "arguments"],
  "response.custom_tool_call_input.done": ["arguments", "input"],
  "response.mcp_call_arguments.done": ["arguments", "arguments"],
};

/** A reader of one answer: it remembers which calls of tools there are. Objects that are neither an event nor a `response` mean nothing. */
export function responsesReader(): ReadEvent {
  const calls: Calls = new Map();
  return (event) => readEvent(event, calls);
}

/** Places of calls in the answer, by `output_index`, or by the item's id in streams without (llama.cpp's). */
type Calls = Map<unknown, number>;

function placeOf(key: unknown, calls: Calls): number {
  const known = calls.get(key);
  if (known !== undefined) return known;
  calls.set(key, calls.size);
  return calls.size - 1;
}

function readEvent(event: JsonObject, calls: Calls): EventMeaning {
  const { type } = event;
  if (typeof type !== "string") return readResponse(event);
  const delta = Object.hasOwn(deltas, type) ? deltas[type] : undefined;
  if (delta !== undefined) return readPart(event, delta, event.delta, calls);
  const whole = Object.hasOwn(wholes, type) ? wholes[type] : undefined;
  if (whole !== undefined) return { ...readPart(event, whole[0], event[whole[1]], calls), isWhole: true };
  switch (type) {
    case "response.output_item.added":
      return readItemStart(event, calls);
    case "response.audio.delta":
      return { ...nothing, hasOtherContent: true };
    case "response.created":
      return { ...nothing, ...nameOf(event.response) };
    case "response.completed":
    case "response.incomplete":
    case "response.failed":
      return { ...readResponse(isJsonObject(event.response) ? event.response : {}), isWhole: true, isEnd: true };
    default:
      return { ...nothing, errorWords: errorWords(event) };
  }
}

function readPart(event: JsonObject, kind: PartKind, said: unknown, calls: Calls): EventMeaning {
  const text = textOf(said) ?? "";
  if (kind === "arguments" && text !== "") {
    const index = placeOf(event.output_index ?? event.item_id, calls);
    return { ...calling([{ index, id: "", name: "", argumentsText: text }]), part: `${kind}/${index}` };
  }
  const part = `${kind}/${String(event.output_index)}/${String(event.content_index ?? event.summary_index)}`;
  return { ...nothing, [kind === "reasoning" ? "reasoningText" : "outputText"]: text, part };
}

/** A tool's name comes ahead of its arguments. */
function readItemStart({ item, output_index: given }: JsonObject, calls: Calls): EventMeaning {
  if (!isJsonObject(item)) return nothing;
  if (textOf(item.name) === undefined) return textOf(item.role) === undefined ? nothing : { ...nothing, isRole: true };
  const index = placeOf(given ?? item.id ?? item.call_id, calls);
  return calling([{ ...callOf(item, index), argumentsText: "" }]);
}

function calling(pieces: readonly CallPiece[], text = ""): EventMeaning {
  const outputText = pieces.reduce((all, { name, argumentsText }) => all + name + argumentsText, text);
  return { ...nothing, outputText, ...(pieces.length === 0 ? {} : { calling: { text, pieces } }) };
}

function callOf(item: JsonObject, index: number): CallPiece {
  const argumentsText = textOf(item.arguments) ?? textOf(item.input) ?? "";
  return { index, id: textOf(item.call_id) ?? textOf(item.id) ?? "", name: textOf(item.name) ?? "", argumentsText };
}

/** A response as it stands at its end. */
function readResponse(response: JsonObject): EventMeaning {
  const words = failureOf(response);
  if (words !== undefined) return { ...nothing, errorWords: words };
  const items = Array.isArray(response.output) ? response.output.filter(isJsonObject) : [];
  const text = items.map(itemText).join("") || (textOf(response.output_text) ?? "");
  const calls = items.flatMap((item, index) => (isCall(item) ? [callOf(item, index)] : []));
  return {
    ...calling(calls, text),
    reasoningText: items.map(itemReasoning).join(""),
    finishReason: reasonOf(response),
    usage: usageOf(response),
    ...nameOf(response),
  };
}

function isCall({ type }: JsonObject): boolean {
  return type === "function_call" || type === "custom_tool_call" || type === "mcp_call";
}

function itemText({ type, content }: JsonObject): string {
  return type === "message" ? textsOf(content) : "";
}

/** Its own text where the target shows it, else the summary of it. */
function itemReasoning({ type, content, summary }: JsonObject): string {
  return type === "reasoning" ? textsOf(content) || textsOf(summary) : "";
}

function textsOf(parts: unknown): string {
  if (!Array.isArray(parts)) return "";
  return parts.map((part: unknown) => (isJsonObject(part) ? (textOf(part.text) ?? textOf(part.refusal) ?? "") : "")).join("");
}

/** What a response says went wrong; one that is not over is no answer either. */
function failureOf(response: JsonObject): string | undefined {
  const words = errorWords(response);
  const { status } = response;
  if (words !== undefined || typeof status !== "string" || status === "completed" || status === "incomplete") return words;
  return `the response is ${status}`;
}

function reasonOf({ status, incomplete_details: details }: JsonObject): string | undefined {
  return (isJsonObject(details) ? textOf(details.reason) : undefined) ?? textOf(status);
}

function nameOf(response: unknown): Pick<EventMeaning, "answerId"> {
  const answerId = isJsonObject(response) ? textOf(response.id) : undefined;
  return answerId === undefined ? {} : { answerId };
}
