/** What a chat template adds to prompts, so that these can be made shorter by it. Pure. */

/** Tokens beside the texts themselves. */
export interface TemplateTokens {
  /** Around a session's first prompt: its role, what begins every request, the beginning of the answer. */
  readonly first: number;
  /** Around each further message. */
  readonly later: number;
}

type CountChat = (messages: readonly { readonly role: string; readonly content: string }[]) => number;

const word = "word";

/** @param countChat of messages in the template @param count of a text alone */
export function templateTokens(countChat: CountChat, count: (text: string) => number): TemplateTokens {
  const user = { role: "user", content: word };
  const one = countChat([user]);
  const three = countChat([user, { role: "assistant", content: word }, user]);
  return { first: one - count(word), later: Math.max(0, Math.round((three - one) / 2) - count(word)) };
}
