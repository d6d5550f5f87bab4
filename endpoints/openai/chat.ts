/** OpenAI's chat completions, `POST /v1/chat/completions`: bodies as AIPerf writes them. */
import type { Endpoint, TurnInput } from "../endpoint.ts";
import { parseAnswer } from "../event-stream.ts";
import { EventTemplates } from "../event-template.ts";
import { encodeJson } from "../json-body.ts";
import { type BodyOptions, completeBody } from "./body.ts";
import { readChatEvent } from "./chat-event.ts";
import { chatMessage } from "./chat-messages.ts";

export interface ChatOptions extends BodyOptions {
  /** Write `max_tokens`, for servers that do not know `max_completion_tokens`. Default false. */
  readonly useLegacyMaxTokens?: boolean;
}

export function createChatEndpoint(options: ChatOptions = {}): Endpoint {
  const templates = new EventTemplates({ isStateless: true });
  const rules = { reasoningTags: options.reasoningTags };
  return {
    name: "chat",
    path: "/v1/chat/completions",
    canStream: true,
    takes: ["text", "image", "audio", "video"],
    produces: "text",
    formatBody: (turn) => encodeJson(chatBody(turn, options)),
    parse: (response) => parseAnswer(response, readChatEvent, templates, rules),
  };
}

function chatBody(turn: TurnInput, options: ChatOptions): Record<string, unknown> {
  const body: Record<string, unknown> = {
    messages: turn.messages.map(chatMessage),
    model: turn.model,
    stream: turn.isStreaming,
  };
  if (turn.tools !== undefined) body.tools = turn.tools;
  if (turn.maxOutputTokens !== undefined) {
    body[options.useLegacyMaxTokens ? "max_tokens" : "max_completion_tokens"] = turn.maxOutputTokens;
  }
  return completeBody(body, turn, options);
}
