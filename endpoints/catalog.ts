/** Every endpoint by the name that users write. */
import { createRawEndpoint } from "./custom/raw.ts";
import { createTemplateEndpoint, type TemplateOptions } from "./custom/template.ts";
import type { Endpoint } from "./endpoint.ts";
import { createHuggingFaceGenerateEndpoint } from "./huggingface/generate.ts";
import { createKserveGenerateEndpoint } from "./kserve/generate.ts";
import { createKserveInferEndpoint } from "./kserve/infer.ts";
import { createOllamaChatEndpoint } from "./ollama/chat.ts";
import { createOllamaGenerateEndpoint } from "./ollama/generate.ts";
import { type ChatOptions, createChatEndpoint } from "./openai/chat.ts";
import { createCompletionsEndpoint } from "./openai/completions.ts";
import { createSglangGenerateEndpoint } from "./sglang/generate.ts";
import { createSolidoRagEndpoint } from "./solido/rag.ts";

/** What endpoints can be told; each takes what concerns it. */
export type EndpointOptions = ChatOptions & TemplateOptions;

const factories: Readonly<Record<string, (options: EndpointOptions) => Endpoint>> = {
  chat: createChatEndpoint,
  completions: createCompletionsEndpoint,
  huggingface_generate: createHuggingFaceGenerateEndpoint,
  ollama_chat: createOllamaChatEndpoint,
  ollama_generate: createOllamaGenerateEndpoint,
  sglang_generate: createSglangGenerateEndpoint,
  kserve_generate: createKserveGenerateEndpoint,
  kserve_infer: createKserveInferEndpoint,
  solido_rag: createSolidoRagEndpoint,
  template: createTemplateEndpoint,
  raw: createRawEndpoint,
};

/** Names for `--endpoint-type`, those of a user's own module aside. */
export const endpointNames: readonly string[] = Object.keys(factories);

/** The endpoint of a name of `endpointNames`; undefined for any other. */
export function createEndpoint(name: string, options: EndpointOptions = {}): Endpoint | undefined {
  return Object.hasOwn(factories, name) ? factories[name]?.(options) : undefined;
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
