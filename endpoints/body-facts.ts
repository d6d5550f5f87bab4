/** What a body that somebody else wrote says of its request: bodies of OpenAI's APIs and those that resemble them, and of rankings. Pure. */
import { decodeText, isJsonObject, type JsonObject, parseJson, textOf } from "./json-body.ts";

export interface BodyFacts {
  /** Undefined: it names none. */
  readonly model: string | undefined;
  /** Output length asked for, in tokens; undefined: none. */
  readonly maxOutputTokens: number | undefined;
  /** Whether it asks for a stream; undefined: it is none that could say so. */
  readonly isStreaming: boolean | undefined;
  /** Prompts or the texts of messages, media aside; empty: it has none where these APIs have them. */
  readonly texts: readonly string[];
}

const nothing: BodyFacts = { model: undefined, maxOutputTokens: undefined, isStreaming: undefined, texts: [] };

/** @param body as it goes on the wire; one that is no JSON object says nothing. Never throws */
export function bodyFacts(body: Uint8Array): BodyFacts {
  return factsOfBody(parseJson(decodeText(body)));
}

/** @param body as it was parsed */
export function factsOfBody(body: unknown): BodyFacts {
  if (!isJsonObject(body)) return nothing;
  const { model, messages, prompt, input, query, stream } = body;
  const isKnown = [messages, prompt, input, query].some((field) => field !== undefined);
  const length = [body.max_completion_tokens, body.max_tokens, body.max_output_tokens].find(isLength);
  return {
    model: textOf(model),
    maxOutputTokens: length,
    isStreaming: typeof stream === "boolean" ? stream : isKnown ? false : undefined,
    texts: [...textsOf(body.system), ...textsOf(body.instructions), ...promptTexts(body)],
  };
}

function promptTexts({ messages, prompt, input, query, passages, documents, texts }: JsonObject): string[] {
  if (Array.isArray(messages)) return textsOfMessages(messages);
  if (query === undefined) return [...textsOf(prompt), ...textsOfMessages(input)];
  return [...textsOf([query]), ...[passages, documents, texts].flatMap(textsOf)];
}

/** Texts of a message's content: one, or parts of which some are. */
export function textsOf(content: unknown): string[] {
  if (typeof content === "string") return [content];
  if (!Array.isArray(content)) return [];
  return content.flatMap((part) => {
    if (typeof part === "string") return [part];
    return isJsonObject(part) && typeof part.text === "string" ? [part.text] : [];
  });
}

/** A list of messages, or what stands in its place: a text, or several. */
function textsOfMessages(messages: unknown): string[] {
  if (!Array.isArray(messages)) return textsOf(messages);
  return messages.flatMap((message) =>
    isJsonObject(message) && "content" in message ? textsOf(message.content) : textsOf([message]),
  );
}

function isLength(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value > 0;
}
