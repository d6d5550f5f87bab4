/**
 * Anthropic's Messages API, `POST /v1/messages`: bodies as AIPerf writes them. The system prompt is a field of its own, the output
 * length has to be given, and the key is a header of its own.
 */

import { offeredFunction, withoutInstructions } from "../chat-calls.ts";
import type { Endpoint, TurnInput } from "../endpoint.ts";
import { parseAnswer } from "../event-stream.ts";
import { EventTemplates } from "../event-template.ts";
import { encodeJson } from "../json-body.ts";
import type { TagOptions } from "../reasoning-tags.ts";
import { messagesReader } from "./messages-event.ts";
import { anthropicMessages } from "./messages-input.ts";

/** Asked for where the turn has no length: the API takes no request without one. */
const defaultMaxTokens = 1024;

export function createMessagesEndpoint({ reasoningTags }: TagOptions = {}): Endpoint {
  const templates = new EventTemplates();
  return {
    name: "messages",
    path: "/v1/messages",
    canStream: true,
    headers: { "anthropic-version": "2023-06-01" },
    keyHeader: "x-api-key",
    takes: ["text", "image"],
    produces: "text",
    formatBody: (turn) => encodeJson({ ...messagesBody(turn), ...turn.extraInputs }),
    parse: (response) => parseAnswer(response, messagesReader(), templates, { reasoningTags }),
  };
}

function messagesBody({ model, messages, maxOutputTokens, isStreaming, tools }: TurnInput): Record<string, unknown> {
  const { instructions, rest } = withoutInstructions(messages);
  return {
    model,
    messages: anthropicMessages(rest),
    max_tokens: maxOutputTokens ?? defaultMaxTokens,
    ...(isStreaming ? { stream: true } : {}),
    ...(instructions === undefined ? {} : { system: instructions }),
    ...(tools === undefined ? {} : { tools: tools.map(anthropicTool) }),
  };
}

function anthropicTool(tool: unknown): unknown {
  const inner = offeredFunction(tool);
  if (inner === undefined) return tool;
  const { name, description, parameters = { type: "object" } } = inner;
  return { name, ...(description === undefined ? {} : { description }), input_schema: parameters };
}
