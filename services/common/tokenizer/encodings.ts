/**
 * Counting tokens with OpenAI's vocabularies. Loading one takes up to 300 ms and blocks, so it happens at the first text that
 * is counted, and never where targets send their usage. The count is exact for models with this vocabulary and an
 * approximation for all others.
 */
import { createRequire } from "node:module";
import type { EncodingName, TokenCounter } from "./source.ts";

type Vocabulary = typeof import("gpt-tokenizer/encoding/o200k_base");

// Synchronous, unlike import(): a record is measured in one go.
const require = createRequire(import.meta.url);

/** Names of special tokens, `<|endoftext|>`, count as the text that they are. */
export function createEncodingCounter(name: EncodingName): TokenCounter {
  let vocabulary: Vocabulary | undefined;
  const options = { disallowedSpecial: new Set<string>() };
  return (text) => {
    vocabulary ??= require(`gpt-tokenizer/encoding/${name}`) as Vocabulary;
    return vocabulary.countTokens(text, options);
  };
}
