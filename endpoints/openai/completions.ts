/**
 * OpenAI's completions, `POST /v1/completions`: bodies as AIPerf writes them. The prompt is the texts of the turn's messages, a line
 * each; there are no roles and no history, and `max_tokens` is the only name of the output length.
 */
import type { Endpoint, TurnInput } from "../endpoint.ts";
import { parseAnswer } from "../event-stream.ts";
import { EventTemplates } from "../event-template.ts";
import { encodeJson } from "../json-body.ts";
import { contentsOf } from "../parts.ts";
import { type BodyOptions, completeBody } from "./body.ts";
import { readCompletionsEvent } from "./completions-event.ts";

export function createCompletionsEndpoint(options: BodyOptions = {}): Endpoint {
  const templates = new EventTemplates({ isStateless: true });
  const rules = { reasoningTags: options.reasoningTags };
  return {
    name: "completions",
    path: "/v1/completions",
    canStream: true,
    takes: ["text"],
    produces: "text",
    formatBody: (turn) => encodeJson(completionsBody(turn, options)),
    parse: (response) => parseAnswer(response, readCompletionsEvent, templates, rules),
  };
}

function completionsBody(turn: TurnInput, options: BodyOptions): Record<string, unknown> {
  const prompt = contentsOf(turn.messages, "text").join("\n");
  const body: Record<string, unknown> = { prompt, model: turn.model, stream: turn.isStreaming };
  if (turn.maxOutputTokens !== undefined) body.max_tokens = turn.maxOutputTokens;
  return completeBody(body, turn, options);
}
