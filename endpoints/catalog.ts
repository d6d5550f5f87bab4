/** Every endpoint by the name that users write. */
import { createMessagesEndpoint } from "./anthropic/messages.ts";
import { createCohereRankingsEndpoint } from "./cohere/rankings.ts";
import { createRawEndpoint } from "./custom/raw.ts";
import { createTemplateEndpoint, type TemplateOptions } from "./custom/template.ts";
import type { Endpoint } from "./endpoint.ts";
import { createHuggingFaceGenerateEndpoint } from "./huggingface/generate.ts";
import { createTeiRankingsEndpoint } from "./huggingface/tei-rankings.ts";
import { createKserveGenerateEndpoint } from "./kserve/generate.ts";
import { createKserveInferEndpoint } from "./kserve/infer.ts";
import { createTensorEndpoint } from "./kserve/tensors.ts";
import { createKserveEndpoint, type TextModelOptions } from "./kserve/text-model.ts";
import { createTritonGenerateEndpoint } from "./kserve/triton-generate.ts";
import { createTrtllmEndpoint } from "./kserve/trtllm.ts";
import type { VersionOptions } from "./kserve/versions.ts";
import { createNimEmbeddingsEndpoint } from "./nim/embeddings.ts";
import { createImageRetrievalEndpoint } from "./nim/image-retrieval.ts";
import { createNimRankingsEndpoint } from "./nim/rankings.ts";
import { createOllamaChatEndpoint } from "./ollama/chat.ts";
import { createOllamaGenerateEndpoint } from "./ollama/generate.ts";
import { createAudioSpeechEndpoint } from "./openai/audio-speech.ts";
import { createAudioTranscriptionEndpoint } from "./openai/audio-transcription.ts";
import { type ChatOptions, createChatEndpoint } from "./openai/chat.ts";
import { createChatEmbeddingsEndpoint } from "./openai/chat-embeddings.ts";
import { createCompletionsEndpoint } from "./openai/completions.ts";
import { createEmbeddingsEndpoint } from "./openai/embeddings.ts";
import { createImageEditEndpoint } from "./openai/image-edit.ts";
import { createImageGenerationEndpoint } from "./openai/image-generation.ts";
import { createResponsesEndpoint } from "./openai/responses.ts";
import { createVideoGenerationEndpoint, type VideoOptions } from "./openai/video-generation.ts";
import { createSglangGenerateEndpoint } from "./sglang/generate.ts";
import { createSolidoRagEndpoint } from "./solido/rag.ts";

/** What endpoints can be told; each takes what concerns it. */
export type EndpointOptions = ChatOptions & TemplateOptions & VideoOptions & TextModelOptions & VersionOptions;

const factories: Readonly<Record<string, (options: EndpointOptions) => Endpoint>> = {
  chat: createChatEndpoint,
  completions: createCompletionsEndpoint,
  responses: createResponsesEndpoint,
  messages: createMessagesEndpoint,
  embeddings: createEmbeddingsEndpoint,
  chat_embeddings: createChatEmbeddingsEndpoint,
  nim_embeddings: createNimEmbeddingsEndpoint,
  nim_rankings: createNimRankingsEndpoint,
  cohere_rankings: createCohereRankingsEndpoint,
  hf_tei_rankings: createTeiRankingsEndpoint,
  image_generation: createImageGenerationEndpoint,
  huggingface_generate: createHuggingFaceGenerateEndpoint,
  ollama_chat: createOllamaChatEndpoint,
  ollama_generate: createOllamaGenerateEndpoint,
  sglang_generate: createSglangGenerateEndpoint,
  kserve_generate: createKserveGenerateEndpoint,
  kserve_infer: createKserveInferEndpoint,
  triton_generate: createTritonGenerateEndpoint,
  trtllm: createTrtllmEndpoint,
  kserve: createKserveEndpoint,
  tensor: createTensorEndpoint,
  solido_rag: createSolidoRagEndpoint,
  image_edit: createImageEditEndpoint,
  image_retrieval: createImageRetrievalEndpoint,
  audio_transcription: createAudioTranscriptionEndpoint,
  audio_speech: createAudioSpeechEndpoint,
  video_generation: createVideoGenerationEndpoint,
  template: createTemplateEndpoint,
  raw: createRawEndpoint,
};

/** Names for `--endpoint-type`, those of a user's own module aside. */
export const endpointNames: readonly string[] = Object.keys(factories);

/** The endpoint of a name of `endpointNames`, or of an older name of one; undefined for any other. */
export function createEndpoint(name: string, options: EndpointOptions = {}): Endpoint | undefined {
  const own = name === "rankings" ? "nim_rankings" : name;
  return Object.hasOwn(factories, own) ? factories[own]?.(options) : undefined;
}

/** The endpoints that a process knows. */
export interface EndpointCatalog {
  /** For `--endpoint-type`. */
  readonly names: readonly string[];
  /** Undefined for what is none of `names`. */
  readonly create: (name: string, options?: EndpointOptions) => Endpoint | undefined;
}

/** Those of this folder and no others. */
export const builtInEndpoints: EndpointCatalog = { names: endpointNames, create: createEndpoint };
