/** `/v1/responses`: one message of one text, whole or in events with types. Nothing of an answer is kept for a later request. Pure. */
import { asciiJson, isObject, textOfValue } from "./ascii-json.ts";
import { conversationText, textsIn } from "./chat.ts";
import { type MockEndpoint, type RequestJson, tokensOfTexts } from "./endpoint.ts";
import { eventTemplate, marks, stampText } from "./event-template.ts";
import type { StreamEvents } from "./events.ts";
import { errorBody, refusal } from "./refusal.ts";
import type { TextRequest } from "./request.ts";
import { typedEvents } from "./typed-events.ts";
import { firstWordOf, vocabulary, wordsFrom } from "./words.ts";

export const responses: MockEndpoint = {
  name: "responses",
  namesModel: true,
  lengthFields: ["max_output_tokens"],
  usageOfStreams: "always",
  readPrompt(json) {
    const isGiven = typeof json.input === "string" || (Array.isArray(json.input) && json.input.length > 0);
    if (!isGiven) return refusal(400, "input must be a text or a list of one or more items", "input");
    return { tokens: tokensOfTexts(promptTexts(json)), choices: 1 };
  },
  textsOf: ({ instructions, input }) => [
    `${textOfValue(instructions ?? "")}\n${typeof input === "string" ? input : conversationText(input)}`,
  ],
  streamEvents,
  hasDone: false,
  wholeBody: (request, hasStamps) => responseJson(request, hasStamps ? `"assay_sent_ns":"${marks.stamp}",` : ""),
  errorBody,
  errorEvents: ({ message, code, param }) => `event: error\ndata: ${asciiJson({ type: "error", code, message, param })}\n\n`,
};

function promptTexts({ instructions, input }: RequestJson): readonly string[] {
  const own = typeof instructions === "string" ? [instructions] : [];
  if (typeof input === "string") return [...own, input];
  return [...own, ...(Array.isArray(input) ? input.flatMap(itemTexts) : [])];
}

/** Of a message, a tool's call or its output. */
function itemTexts(item: unknown): readonly string[] {
  if (!isObject(item)) return [];
  const others = [item.name, item.arguments, item.output].filter((text) => typeof text === "string");
  return [...textsIn(item), ...others];
}

const place = `"item_id":"msg_${marks.id}","output_index":0,"content_index":0`;

function streamEvents(model: string, hasStamps: boolean): StreamEvents {
  const typed = typedEvents(hasStamps);
  const begun =
    `"response":{"id":"resp_${marks.id}","object":"response","created_at":${marks.created},"status":"in_progress","error":null,` +
    `"incomplete_details":null,"model":${asciiJson(model)},"output":[],"usage":null}`;
  const opening = eventTemplate(
    typed("response.created", begun) +
      typed("response.in_progress", begun) +
      typed("response.output_item.added", `"output_index":0,"item":${itemJson("in_progress", undefined)}`) +
      typed("response.content_part.added", `${place},"part":${partJson("")}`),
  );
  const delta = (text: string) => eventTemplate(typed("response.output_text.delta", `${place},"delta":"${text}","logprobs":[]`));
  const words = vocabulary.map(delta);
  return {
    opening: () => opening,
    content: (_choice, first, count) => (count === 1 ? words[first] : undefined) ?? delta(wordsFrom(first, count)),
    finish: () => undefined,
    ending(request, receivedNs) {
      const text = textOf(request);
      const received = hasStamps ? `"assay_received_ns":"${stampText(receivedNs)}",` : "";
      return eventTemplate(
        typed("response.output_text.done", `${place},"text":"${text}","logprobs":[]`) +
          typed("response.content_part.done", `${place},"part":${partJson(text)}`) +
          typed("response.output_item.done", `"output_index":0,"item":${itemJson("completed", text)}`) +
          typed(`response.${statusOf(request)}`, `${received}"response":${responseJson(request, "")}`),
      );
    },
  };
}

/** An answer that ends at the length that was asked for is not whole, in this API. */
function statusOf({ finishReason }: TextRequest): "completed" | "incomplete" {
  return finishReason === "stop" ? "completed" : "incomplete";
}

function textOf(request: TextRequest): string {
  return wordsFrom(firstWordOf(request, 0), request.tokens);
}

function responseJson(request: TextRequest, stamp: string): string {
  const status = statusOf(request);
  const details = status === "completed" ? "null" : '{"reason":"max_output_tokens"}';
  return (
    `{"id":"resp_${marks.id}","object":"response","created_at":${marks.created},"status":"${status}","error":null,` +
    `"incomplete_details":${details},${stamp}"model":${asciiJson(request.model)},` +
    `"output":[${itemJson("completed", textOf(request))}],"usage":${request.hasUsage ? usageJson(request) : "null"}}`
  );
}

/** @param text undefined: nothing of it has come */
function itemJson(status: string, text: string | undefined): string {
  const content = text === undefined ? "" : partJson(text);
  return `{"id":"msg_${marks.id}","type":"message","status":"${status}","role":"assistant","content":[${content}]}`;
}

function partJson(text: string): string {
  return `{"type":"output_text","text":"${text}","annotations":[],"logprobs":[]}`;
}

function usageJson({ promptTokens, tokens, cachedTokens = 0 }: TextRequest): string {
  return (
    `{"input_tokens":${promptTokens},"input_tokens_details":{"cached_tokens":${cachedTokens}},"output_tokens":${tokens},` +
    `"output_tokens_details":{"reasoning_tokens":0},"total_tokens":${promptTokens + tokens}}`
  );
}
