/**
 * OpenAI's Responses API, `POST /v1/responses`. System messages at the beginning are its `instructions`. Where the run asks the
 * target to keep answers (`store: true` among the extra inputs), a later turn names the answer before it and sends only what is new.
 */

import { offeredFunction, withoutInstructions } from "../chat-calls.ts";
import type { ChatMessage, Endpoint, TurnInput } from "../endpoint.ts";
import { parseAnswer } from "../event-stream.ts";
import { EventTemplates } from "../event-template.ts";
import { encodeJson } from "../json-body.ts";
import type { TagOptions } from "../reasoning-tags.ts";
import { responsesReader } from "./responses-event.ts";
import { inputItems } from "./responses-input.ts";

export function createResponsesEndpoint({ reasoningTags }: TagOptions = {}): Endpoint {
  const templates = new EventTemplates();
  return {
    name: "responses",
    path: "/v1/responses",
    canStream: true,
    takes: ["text", "image", "audio"],
    produces: "text",
    formatBody: (turn) => encodeJson({ ...responsesBody(turn), ...turn.extraInputs }),
    parse: (response) => parseAnswer(response, responsesReader(), templates, { reasoningTags }),
  };
}

function responsesBody({
  model,
  messages,
  maxOutputTokens,
  isStreaming,
  tools,
  extraInputs,
}: TurnInput): Record<string, unknown> {
  const { instructions, rest } = withoutInstructions(messages);
  const known = isTrue(extraInputs.store) ? lastNamed(rest) : undefined;
  return {
    input: (known?.since ?? rest).flatMap(inputItems),
    model,
    stream: isStreaming,
    ...(known === undefined ? {} : { previous_response_id: known.answerId }),
    ...(instructions === undefined ? {} : { instructions }),
    ...(maxOutputTokens === undefined ? {} : { max_output_tokens: maxOutputTokens }),
    ...(tools === undefined ? {} : { tools: tools.map(flatTool) }),
  };
}

/** The last answer that the target can be reminded of by its name, and what was said since. */
function lastNamed(messages: readonly ChatMessage[]): { answerId: string; since: readonly ChatMessage[] } | undefined {
  const at = messages.findLastIndex(({ answerId }) => answerId !== undefined);
  const answerId = messages[at]?.answerId;
  return answerId === undefined ? undefined : { answerId, since: messages.slice(at + 1) };
}

/** A function lies in the tool itself here. */
function flatTool(tool: unknown): unknown {
  const inner = offeredFunction(tool);
  return inner === undefined ? tool : { type: "function", ...inner };
}

/** Also as a word, since a value of `--extra-inputs` may be one. */
function isTrue(value: unknown): boolean {
  return value === true || value === "true";
}
