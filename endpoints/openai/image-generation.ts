/** OpenAI's image generation, `POST /v1/images/generations`: bodies as AIPerf writes them. The prompt is the last message's first text. */
import type { Endpoint, TurnInput } from "../endpoint.ts";
import { parseAnswer } from "../event-stream.ts";
import { encodeJson } from "../json-body.ts";
import { contentsOf } from "../parts.ts";
import { readImagesEvent } from "./images-event.ts";

export function createImageGenerationEndpoint(): Endpoint {
  return {
    name: "image_generation",
    path: "/v1/images/generations",
    canStream: true,
    takes: ["text"],
    produces: "images",
    formatBody: (turn) => encodeJson({ ...imageBody(turn), ...turn.extraInputs }),
    parse: (response) => parseAnswer(response, readImagesEvent),
  };
}

function imageBody({ model, messages, isStreaming }: TurnInput): Record<string, unknown> {
  const [prompt = ""] = contentsOf(messages.slice(-1), "text");
  return { prompt, model, response_format: "b64_json", n: 1, ...(isStreaming ? { stream: true } : {}) };
}
