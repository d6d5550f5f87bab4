/**
 * Counting tokens by a Hugging Face tokenizer.json, within bounds. Making one of a large vocabulary takes seconds and blocks: it belongs before a
 * run or into a thread of its own.
 */
import { isJsonObject } from "../../../endpoints/json-body.ts";
import { clockedCounter, isLinear } from "./bounds.ts";
import type { TokenCounter } from "./source.ts";

/**
 * @param definition what tokenizer.json says
 * @param config what tokenizer_config.json beside it says; undefined: there is none
 * @throws what the engine says where it cannot make a tokenizer of it; the counter throws `invalid_argument` for a text that takes too long
 */
export async function createHuggingFaceCounter(definition: unknown, config: unknown): Promise<TokenCounter> {
  const isAsItIs = isLinear(definition);
  const { Tokenizer } = await import("@huggingface/tokenizers");
  const tokenizer = new Tokenizer(Object(definition), Object(config ?? {}));
  const bare: TokenCounter = (text) => tokenizer.encode(text, { add_special_tokens: false }).ids.length;
  const plain: TokenCounter = lowerCases(Object(definition).normalizer) ? (text) => bare(text.replaceAll("Σ", "σ")) : bare;
  const count = isAsItIs ? plain : clockedCounter(plain);
  // A definition with a flaw in its parts fails at its first text, not before.
  count("a word, and 1 more");
  return count;
}

/**
 * Whether texts are lower-cased before they are counted. The engine does that by words, in which a Σ at the end becomes ς, the original letter
 * by letter, in which it becomes σ.
 */
function lowerCases(normalizer: unknown): boolean {
  if (!isJsonObject(normalizer)) return false;
  const { type, lowercase, normalizers } = normalizer;
  if (type === "Sequence") return Array.isArray(normalizers) && normalizers.some(lowerCases);
  return type === "Lowercase" || (type === "BertNormalizer" && lowercase !== false);
}
