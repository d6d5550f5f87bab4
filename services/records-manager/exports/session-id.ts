/** How the files name a conversation: `conversation_id` of a record is the `session_id` of its bodies. */

/** The dataset's own name of it, else AIPerf's: `session_000042`. */
export function sessionId(conversation: number, names: ReadonlyMap<number, string>): string {
  return names.get(conversation) ?? `session_${String(conversation).padStart(6, "0")}`;
}
