/** Messages as items of the Responses API's `input`. Pure. */

import { AssayError } from "../../services/common/errors.ts";
import { spokenOf } from "../chat-calls.ts";
import type { ChatMessage, ContentPart } from "../endpoint.ts";
import { audioPart, saidParts } from "./chat-messages.ts";

/** The items of a message: one, or its text and each of its tool calls. Throws `invalid_argument` for a video. */
export function inputItems(message: ChatMessage): Readonly<Record<string, unknown>>[] {
  const spoken = spokenOf(message);
  switch (spoken.kind) {
    case "verbatim":
      return [spoken.message];
    case "result":
      return [{ type: "function_call_output", call_id: spoken.callId, output: spoken.output }];
    case "calls":
      return [
        ...(spoken.text === "" ? [] : [{ type: "message", role: message.role, content: spoken.text }]),
        ...spoken.calls.map(({ id, name, argumentsText }) => ({
          type: "function_call",
          call_id: id,
          name,
          arguments: argumentsText,
        })),
      ];
    case "plain":
      return [{ type: "message", role: message.role === "tool" ? "user" : message.role, content: contentOf(message) }];
  }
}

function contentOf({ content, parts }: ChatMessage): string | readonly Record<string, unknown>[] {
  const said = parts === undefined ? content : saidParts(parts);
  return typeof said === "string" ? said : said.map(inputPart);
}

function inputPart({ modality, content }: ContentPart): Record<string, unknown> {
  switch (modality) {
    case "text":
      return { type: "input_text", text: content };
    case "image":
      return { type: "input_image", image_url: content };
    case "audio":
      return audioPart(content);
    case "video":
      throw new AssayError("invalid_argument", "a turn for the Responses API must have no video");
  }
}
