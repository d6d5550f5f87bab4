/**
 * Counting tokens with OpenAI's `o200k_base` vocabulary. Loading it takes about 300 ms and blocks, so it happens at the first
 * text that is counted, and never where targets send their usage. The count is exact for models with this vocabulary
 * and an approximation for all others.
 */
import { createRequire } from "node:module";
import type { TokenCounter } from "./core/measurer.ts";

type Vocabulary = typeof import("gpt-tokenizer/encoding/o200k_base");

// Synchronous, unlike import(): a record is measured in one go.
const require = createRequire(import.meta.url);

/** Counts tokens of a text as a whole, without special tokens: `<|endoftext|>` in it counts as the text that it is. */
export function createTokenCounter(): TokenCounter {
  let vocabulary: Vocabulary | undefined;
  const options = { disallowedSpecial: new Set<string>() };
  return (text) => {
    vocabulary ??= require("gpt-tokenizer/encoding/o200k_base") as Vocabulary;
    return vocabulary.countTokens(text, options);
  };
}
