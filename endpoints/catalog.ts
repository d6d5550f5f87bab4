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

/** Names for `--endpoint-type`. */
export const endpointNames: readonly string[] = Object.keys(factories);

/** The endpoint of a name of `endpointNames`; undefined for any other. */
export function createEndpoint(name: string, options: EndpointOptions = {}): Endpoint | undefined {
  return Object.hasOwn(factories, name) ? factories[name]?.(options) : undefined;
}
