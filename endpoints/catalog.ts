/** Every endpoint by the name that users write. */
import type { Endpoint } from "./endpoint.ts";
import { type ChatOptions, createChatEndpoint } from "./openai/chat.ts";
import { createCompletionsEndpoint } from "./openai/completions.ts";

/** What endpoints can be told; each takes what concerns it. */
export type EndpointOptions = ChatOptions;

const factories: Readonly<Record<string, (options: EndpointOptions) => Endpoint>> = {
  chat: createChatEndpoint,
  completions: createCompletionsEndpoint,
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
