/** OpenAI's embeddings, `POST /v1/embeddings`: bodies as AIPerf writes them. The last message's texts are embedded, one vector each. */
import type { Endpoint } from "../endpoint.ts";
import { parseAnswer } from "../event-stream.ts";
import { encodeJson } from "../json-body.ts";
import { contentsOf } from "../parts.ts";
import { readEmbeddings } from "./embeddings-answer.ts";

export function createEmbeddingsEndpoint(): Endpoint {
  return {
    name: "embeddings",
    path: "/v1/embeddings",
    canStream: false,
    takes: ["text", "texts"],
    produces: "embeddings",
    formatBody: ({ model, messages, extraInputs }) =>
      encodeJson({ model, input: contentsOf(messages.slice(-1), "text"), ...extraInputs }),
    parse: (response) => parseAnswer(response, readEmbeddings),
  };
}
