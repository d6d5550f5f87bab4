/** Messages as Anthropic takes them: tool calls and their results are blocks of content. Pure. */
import { AssayError } from "../../services/common/errors.ts";
import { spokenOf } from "../chat-calls.ts";
import type { ChatMessage, ContentPart, ToolCall } from "../endpoint.ts";
import { parseJson } from "../json-body.ts";
import { saidParts } from "../openai/chat-messages.ts";

type Block = Readonly<Record<string, unknown>>;

/** Results of tools that follow one another are one message of the user's. Throws `invalid_argument` for audio and video. */
export function anthropicMessages(messages: readonly ChatMessage[]): readonly Block[] {
  const all: Block[] = [];
  let results: Block[] = [];
  for (const message of messages) {
    const spoken = spokenOf(message);
    if (spoken.kind === "result") {
      const block = { type: "tool_result", tool_use_id: spoken.callId, content: spoken.output };
      if (results.length === 0) all.push({ role: "user", content: results });
      results.push(block);
      continue;
    }
    results = [];
    if (spoken.kind === "verbatim") all.push(spoken.message);
    else if (spoken.kind === "calls") all.push({ role: message.role, content: callBlocks(spoken.text, spoken.calls) });
    else all.push({ role: message.role === "assistant" ? "assistant" : "user", content: contentOf(message) });
  }
  return all;
}

function callBlocks(text: string, calls: readonly ToolCall[]): readonly Block[] {
  const said = text === "" ? [] : [{ type: "text", text }];
  return [
    ...said,
    ...calls.map(({ id, name, argumentsText }) => ({ type: "tool_use", id, name, input: parseJson(argumentsText) ?? {} })),
  ];
}

function contentOf({ content, parts }: ChatMessage): string | readonly Block[] {
  const said = parts === undefined ? content : saidParts(parts);
  return typeof said === "string" ? said : said.map(blockOf);
}

function blockOf({ modality, content }: ContentPart): Block {
  switch (modality) {
    case "text":
      return { type: "text", text: content };
    case "image":
      return { type: "image", source: imageSource(content) };
    case "audio":
    case "video":
      throw new AssayError("invalid_argument", `a turn for the Messages API must have no ${modality}`);
  }
}

function imageSource(url: string): Block {
  const head = /^data:([^;,]*)[^,]*,/.exec(url);
  if (head === null) return { type: "url", url };
  const [{ length }, mediaType] = head;
  return { type: "base64", media_type: mediaType === "" ? "image/png" : mediaType, data: url.slice(length) };
}
