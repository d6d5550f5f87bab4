/** A turn as it goes to workers. */
import { wireMessageOf } from "../common/chat-messages.ts";
import type { Turn } from "./core/turns.ts";

export interface TurnPlace {
  readonly conversation: bigint;
  readonly turn: number;
}

export function wireTurn({ messages, ...rest }: Turn, place: TurnPlace) {
  return { ...wireFields(rest), ...place, messages: messages.map(wireMessageOf) };
}

/** All but its place and its messages. */
export function wireFields({ maxOutputTokens, inputTokens, conversationId, model, ...turn }: Omit<Turn, "messages">) {
  return {
    ...turn,
    maxOutputTokens: maxOutputTokens ?? 0,
    inputTokens: inputTokens ?? 0,
    conversationId: conversationId ?? "",
    model: model ?? "",
  };
}
