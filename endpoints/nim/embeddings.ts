/**
 * Embeddings of NVIDIA's retriever NIMs, `POST /v1/embeddings`: as OpenAI's, and images beside or behind the texts. Bodies as AIPerf
 * writes them.
 */
import { AssayError } from "../../services/common/errors.ts";
import type { Endpoint, TurnInput } from "../endpoint.ts";
import { parseAnswer } from "../event-stream.ts";
import { encodeJson } from "../json-body.ts";
import { readEmbeddings } from "../openai/embeddings-answer.ts";
import { contentsOf } from "../parts.ts";

export function createNimEmbeddingsEndpoint(): Endpoint {
  return {
    name: "nim_embeddings",
    path: "/v1/embeddings",
    canStream: false,
    takes: ["text", "texts", "image"],
    produces: "embeddings",
    formatBody: (turn) => encodeJson({ model: turn.model, input: inputsOf(turn), ...turn.extraInputs }),
    parse: (response) => parseAnswer(response, readEmbeddings),
  };
}

/** A text and an image are one input together, so that there must be as many of both. */
function inputsOf({ messages }: TurnInput): readonly string[] {
  const last = messages.slice(-1);
  const texts = contentsOf(last, "text");
  const images = contentsOf(last, "image");
  if (images.length === 0) return texts;
  if (texts.length === 0) return images;
  if (texts.length === images.length) return texts.map((text, index) => `${text} ${images[index]}`);
  throw new AssayError("invalid_argument", `a turn must have as many images as texts, got ${images.length} and ${texts.length}`);
}
