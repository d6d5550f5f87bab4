/**
 * Text in front of synthetic conversations: one of a pool of prefixes before the first prompt, a system message that all have, a
 * context message of each one's own. Pure; a text is a function of seed and index alone.
 */
import type { ChatMessage } from "../../../endpoints/endpoint.ts";
import { randomStream } from "../../common/random.ts";
import type { Corpus } from "./corpus.ts";
import { composeText } from "./prompt-text.ts";

export interface PrefaceOptions {
  /** Distinct prefixes, of which each conversation draws one; 0: none. */
  readonly prefixes: number;
  /** Tokens of each, at least 1 where there are any. */
  readonly prefixTokens: number;
  /** Tokens of the system message; 0: there is none. */
  readonly systemTokens: number;
  /** Tokens of the context message; 0: there is none. */
  readonly contextTokens: number;
}

export interface Preface {
  /** Tokens that it adds to a conversation's first turn. */
  readonly tokens: number;
  /** The first turn's messages around its prompt. */
  readonly messagesOf: (conversation: number, prompt: string) => readonly ChatMessage[];
}

export const noPreface: PrefaceOptions = { prefixes: 0, prefixTokens: 0, systemTokens: 0, contextTokens: 0 };

/** Characters of texts that are kept, about: those that many conversations share. */
const keptChars = 16 << 20;

export function prefaceOf(corpus: Corpus, seed: number, options: PrefaceOptions): Preface {
  const { prefixes, prefixTokens, systemTokens, contextTokens } = options;
  const kept = new Map<number, string>();
  const maxKept = Math.max(1, Math.floor(keptChars / (8 * Math.max(1, prefixTokens))));
  const prefixText = (index: number): string => {
    const known = kept.get(index);
    if (known !== undefined) return known;
    const made = composeText(corpus, prefixTokens, randomStream(seed, "dataset", "prefix", index));
    if (kept.size >= maxKept) kept.clear();
    kept.set(index, made);
    return made;
  };
  let system: string | undefined;
  const systemText = (): string => {
    system ??= composeText(corpus, systemTokens, randomStream(seed, "dataset", "system"));
    return system;
  };
  return {
    tokens: (prefixes > 0 ? prefixTokens : 0) + systemTokens + contextTokens,
    messagesOf(conversation, prompt) {
      const messages: ChatMessage[] = [];
      if (systemTokens > 0) messages.push({ role: "system", content: systemText() });
      if (contextTokens > 0) {
        const random = randomStream(seed, "dataset", "user_context", conversation);
        messages.push({ role: "user", content: composeText(corpus, contextTokens, random) });
      }
      const prefix =
        prefixes > 0 ? `${prefixText(randomStream(seed, "dataset", "prefix_choice", conversation).below(prefixes))} ` : "";
      messages.push({ role: "user", content: prefix + prompt });
      return messages;
    },
  };
}
