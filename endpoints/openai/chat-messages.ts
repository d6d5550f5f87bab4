/** Messages as OpenAI's chat completions take them, with media as vLLM takes those that OpenAI does not. Pure. */
import type { ChatMessage, ContentPart } from "../endpoint.ts";
import { isJsonObject, parseJson } from "../json-body.ts";

/** One message of a body. A message that says itself as JSON is written as it says; its roles and fields are its own. */
export function chatMessage(message: ChatMessage): Readonly<Record<string, unknown>> {
  const { role, content, parts, json } = message;
  const own = json === undefined ? undefined : parseJson(json);
  if (isJsonObject(own)) return own;
  return { role, content: parts === undefined ? content : contentOf(parts) };
}

function contentOf(parts: readonly ContentPart[]): string | readonly Record<string, unknown>[] {
  const said = saidParts(parts);
  return typeof said === "string" ? said : said.map(contentPart);
}

/** Those that say something; a text where there is nothing else: some servers take no list of one. */
export function saidParts(parts: readonly ContentPart[]): string | readonly ContentPart[] {
  const said = parts.filter(({ content, uuid }) => content !== "" || uuid !== undefined);
  const [first, second] = said;
  if (first === undefined) return "";
  return second === undefined && first.modality === "text" ? first.content : said;
}

function contentPart({ modality, content, uuid }: ContentPart): Record<string, unknown> {
  const named = uuid === undefined ? {} : { uuid };
  switch (modality) {
    case "text":
      return { type: "text", text: content };
    case "image":
      return { type: "image_url", image_url: { url: content }, ...named };
    case "video":
      return { type: "video_url", video_url: { url: content }, ...named };
    case "audio":
      return { ...audioPart(content), ...named };
  }
}

/** OpenAI takes audio as base64 and nothing else; what lies elsewhere is vLLM's `audio_url`. */
export function audioPart(url: string): Record<string, unknown> {
  const inline = /^data:audio\/([^;,]+)[^,]*,/.exec(url);
  if (inline === null) return { type: "audio_url", audio_url: { url } };
  const [head, subtype = ""] = inline;
  return { type: "input_audio", input_audio: { data: url.slice(head.length), format: audioFormats[subtype] ?? subtype } };
}

/** Subtypes of media types that OpenAI calls otherwise. */
const audioFormats: Readonly<Record<string, string>> = { mpeg: "mp3", "x-wav": "wav", wave: "wav" };
