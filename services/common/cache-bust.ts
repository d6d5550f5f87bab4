/** A text of a session's own in front of or behind what it begins with, so that no cache of the target knows it. Pure. */
import { create } from "@bufbuild/protobuf";
import { type ChatMessage, ChatMessageSchema, type Turn } from "../../gen/assay/dataset/v1/dataset_pb.js";
import { randomStream } from "./random.ts";

export const cacheBustPlaces = ["none", "system_prefix", "system_suffix", "first_turn_prefix", "first_turn_suffix"] as const;

export type CacheBust = (typeof cacheBustPlaces)[number];

export function cacheBustOf(text: string): CacheBust {
  return cacheBustPlaces.find((place) => place === text) ?? "none";
}

/** `[f00d0123]`: a function of the run's seed, the phase and the session. */
export function sessionMarker(seed: number, phase: number, session: number): string {
  const number = randomStream(seed, "cache_bust", phase, session).below(2 ** 32);
  return `[${number.toString(16).padStart(8, "0")}]`;
}

/**
 * A session's first turn with its marker. A system message that there is not is made; a turn without messages stays as it is. Its length
 * in tokens is no longer known beforehand.
 */
export function withMarker(turn: Turn, place: CacheBust, marker: string): Turn {
  if (place === "none" || turn.messages.length === 0) return turn;
  const isSystem = place === "system_prefix" || place === "system_suffix";
  const role = isSystem ? "system" : "user";
  const at = turn.messages.findIndex((message) => message.role === role && hasText(message));
  if (at < 0 && !isSystem) return turn;
  const marked = (message: ChatMessage): ChatMessage => withText(message, place.endsWith("prefix"), marker);
  const messages =
    at < 0
      ? [create(ChatMessageSchema, { role, content: marker }), ...turn.messages]
      : turn.messages.map((message, index) => (index === at ? marked(message) : message));
  return { ...turn, messages, inputTokens: 0 };
}

/** One that only JSON can say, and one of media alone, have none to be marked. */
function hasText({ json, parts }: ChatMessage): boolean {
  return json === "" && (parts.length === 0 || parts.some(isText));
}

function isText({ modality }: ChatMessage["parts"][number]): boolean {
  return modality === "text";
}

/** The marker stands in front of the first text, or behind the last one. */
function withText(message: ChatMessage, isPrefix: boolean, marker: string): ChatMessage {
  const { content, parts } = message;
  const mark = (text: string): string => (isPrefix ? `${marker} ${text}` : `${text} ${marker}`);
  const at = isPrefix ? parts.findIndex(isText) : parts.findLastIndex(isText);
  return {
    ...message,
    content: mark(content),
    parts: parts.map((part, index) => (index === at ? { ...part, content: mark(part.content) } : part)),
  };
}
