/**
 * Embeddings of a chat, `POST /v1/embeddings` with the body of chat completions: how vLLM takes texts with media. Bodies as AIPerf
 * writes them.
 */
import type { Endpoint } from "../endpoint.ts";
import { parseAnswer } from "../event-stream.ts";
import { type ChatOptions, createChatEndpoint } from "./chat.ts";
import { readEmbeddings } from "./embeddings-answer.ts";

export function createChatEmbeddingsEndpoint(options: ChatOptions = {}): Endpoint {
  const { takes, formatBody } = createChatEndpoint(options);
  return {
    name: "chat_embeddings",
    path: "/v1/embeddings",
    canStream: false,
    takes,
    produces: "embeddings",
    formatBody,
    parse: (response) => parseAnswer(response, readEmbeddings),
  };
}
