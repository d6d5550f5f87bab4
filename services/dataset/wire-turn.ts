/** A turn as it goes to workers. */
import { wireMessageOf } from "../common/chat-messages.ts";
import type { Turn } from "./core/turns.ts";

export interface TurnPlace {
  readonly conversation: bigint;
  readonly turn: number;
}

export function wireTurn({ messages, ...rest }: Turn, place: TurnPlace) {
  const { maxOutputTokens, inputTokens, conversationId, model, ...turn } = rest;
  return {
    ...turn,
    ...place,
    messages: messages.map(wireMessageOf),
    maxOutputTokens: maxOutputTokens ?? 0,
    inputTokens: inputTokens ?? 0,
    conversationId: conversationId ?? "",
    model: model ?? "",
  };
}
