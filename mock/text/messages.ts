/** `/v1/messages`, Anthropic's: one block of text, whole or in events with types. Pure. */
import { asciiJson } from "./ascii-json.ts";
import { conversationText, textsIn } from "./chat.ts";
import { type MockEndpoint, tokensOfTexts } from "./endpoint.ts";
import { eventTemplate, marks, stampText } from "./event-template.ts";
import type { StreamEvents } from "./events.ts";
import { anthropicError, refusal } from "./refusal.ts";
import type { TextRequest } from "./request.ts";
import { typedEvents } from "./typed-events.ts";
import { firstWordOf, vocabulary, wordsFrom } from "./words.ts";

export const messages: MockEndpoint = {
  name: "messages",
  namesModel: true,
  lengthFields: ["max_tokens"],
  usageOfStreams: "always",
  readPrompt({ messages: given, system, max_tokens: length }) {
    if (!Array.isArray(given) || given.length === 0) return refusal(400, "messages must be a list of one or more", "messages");
    if (length === undefined || length === null) return refusal(400, "max_tokens must be given", "max_tokens");
    return { tokens: tokensOfTexts([...systemTexts(system), ...given.flatMap(textsIn)]), choices: 1 };
  },
  textsOf: ({ messages: given, system }) => [[...systemTexts(system), conversationText(given)].join("\n")],
  streamEvents,
  hasDone: false,
  wholeBody: (request, hasStamps) => {
    const text = wordsFrom(firstWordOf(request, 0), request.tokens);
    const stamp = hasStamps ? `"assay_sent_ns":"${marks.stamp}",` : "";
    const usage = request.hasUsage ? `,"usage":${usageJson(request, request.tokens)}` : "";
    return (
      `{"id":"msg_${marks.id}","type":"message","role":"assistant",${stamp}"model":${asciiJson(request.model)},` +
      `"content":[{"type":"text","text":"${text}"}],"stop_reason":"${reasonOf(request)}","stop_sequence":null${usage}}`
    );
  },
  errorBody: anthropicError,
  errorEvents: (why) => `event: error\ndata: ${anthropicError(why)}\n\n`,
};

/** A text, or blocks of text. */
function systemTexts(system: unknown): readonly string[] {
  return textsIn({ content: system });
}

function streamEvents(model: string, hasStamps: boolean): StreamEvents {
  const typed = typedEvents(hasStamps);
  const delta = (text: string) =>
    eventTemplate(typed("content_block_delta", `"index":0,"delta":{"type":"text_delta","text":"${text}"}`));
  const words = vocabulary.map(delta);
  return {
    opening(request) {
      const usage = request.hasUsage ? `,"usage":${usageJson(request, 0)}` : "";
      const message =
        `"message":{"id":"msg_${marks.id}","type":"message","role":"assistant","model":${asciiJson(model)},"content":[],` +
        `"stop_reason":null,"stop_sequence":null${usage}}`;
      const block = '"index":0,"content_block":{"type":"text","text":""}';
      return eventTemplate(typed("message_start", message) + typed("content_block_start", block));
    },
    content: (_choice, first, count) => (count === 1 ? words[first] : undefined) ?? delta(wordsFrom(first, count)),
    finish: () => undefined,
    ending(request, receivedNs) {
      const usage = request.hasUsage ? `,"usage":{"output_tokens":${request.tokens}}` : "";
      const received = hasStamps ? `"assay_received_ns":"${stampText(receivedNs)}",` : "";
      return eventTemplate(
        typed("content_block_stop", '"index":0') +
          typed("message_delta", `${received}"delta":{"stop_reason":"${reasonOf(request)}","stop_sequence":null}${usage}`) +
          typed("message_stop", ""),
      );
    },
  };
}

function reasonOf({ finishReason }: TextRequest): string {
  return finishReason === "length" ? "max_tokens" : "end_turn";
}

/** What was cached is not among the input tokens of this API. */
function usageJson({ promptTokens, cachedTokens }: TextRequest, outputTokens: number): string {
  const cached = cachedTokens === undefined ? "" : `"cache_creation_input_tokens":0,"cache_read_input_tokens":${cachedTokens},`;
  return `{"input_tokens":${promptTokens - (cachedTokens ?? 0)},${cached}"output_tokens":${outputTokens}}`;
}
