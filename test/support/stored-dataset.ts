import type { Dataset, Turn } from "../../services/dataset/core/turns.ts";

/** A dataset held in memory, one array of turns a conversation. */
export function storedDataset(conversations: readonly (readonly Turn[])[]): Dataset {
  return {
    size: conversations.length,
    plan: (conversation) => conversations[conversation] ?? [],
    messages: (conversation, turn) => conversations[conversation]?.[turn]?.messages ?? [],
  };
}
