/**
 * Counting tokens by a Hugging Face tokenizer.json. Making one of a large vocabulary takes seconds and blocks: it belongs before a
 * run or into a thread of its own.
 */
import type { TokenCounter } from "./source.ts";

/**
 * @param definition what tokenizer.json says
 * @param config what tokenizer_config.json beside it says; undefined: there is none
 * @throws what the engine says where it cannot make a tokenizer of it
 */
export async function createHuggingFaceCounter(definition: unknown, config: unknown): Promise<TokenCounter> {
  const { Tokenizer } = await import("@huggingface/tokenizers");
  const tokenizer = new Tokenizer(Object(definition), Object(config ?? {}));
  const count: TokenCounter = (text) => tokenizer.encode(text, { add_special_tokens: false }).ids.length;
  // A definition with a flaw in its parts fails at its first text, not before.
  count("a word, and 1 more");
  return count;
}
