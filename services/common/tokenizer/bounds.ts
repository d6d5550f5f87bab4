/**
 * What counting by a tokenizer.json of others' making may take. Its regular expressions are JavaScript's: what they match decides the tokens, so
 * no other engine can stand in, and thirty characters can keep one busy for ever. A definition whose parts are seen to be linear in
 * the text, as those of well-known tokenizers are, is counted by as it is; any other against the clock.
 */
import { isJsonObject, type JsonObject } from "../../../endpoints/json-body.ts";
import { withinTime } from "../checks/time-limit.ts";
import { AssayError } from "../errors.ts";
import type { TokenCounter } from "./source.ts";

/** For any text, and of its characters: several times what the slowest takes on a busy machine (20 µs a character, Unigram of Chinese). */
const baseMs = 1000;
const charsPerMs = 10;
/** A busy machine may stop for a second once; after so many nothing more is counted. */
const maxOverruns = 3;
/** Of a pattern, a token or a piece: what is compared at each place of a text. */
const maxChars = 256;
/** WordPiece tries the ends of a word for each of its beginnings. */
const maxWordChars = 200;

/** What ends patterns of this family: white space as a whole, but for the space in front of a word. */
const spaces = String.raw`\s*[\r\n]+|\s+(?!\S)|\s+`;
const endings = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const front = String.raw`[^\r\n\p{L}\p{N}]?`;
const upper = String.raw`[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`;
const lower = String.raw`[\p{Ll}\p{Lm}\p{Lo}\p{M}]`;
const marks = String.raw` ?[^\s\p{L}\p{N}]+`;

/** Linear by what their alternatives leave to each other, which their parts do not show. */
const knownPatterns: ReadonlySet<string> = new Set([
  // GPT-2
  `'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+|${marks}|\\s+(?!\\S)|\\s+`,
  // GPT-4, Llama 3
  `${endings}|${front}\\p{L}+|\\p{N}{1,3}|${marks}[\\r\\n]*|${spaces}`,
  // Qwen 2 and 3
  `${endings}|${front}\\p{L}+|\\p{N}|${marks}[\\r\\n]*|${spaces}`,
  // GPT-4o, gpt-oss, Llama 4
  `${front}${upper}*${lower}+${endings}?|${front}${upper}+${lower}*${endings}?|\\p{N}{1,3}|${marks}[\\r\\n/]*|${spaces}`,
  // Mistral's Tekken
  `${front}${upper}*${lower}+|${front}${upper}+${lower}*|\\p{N}|${marks}[\\r\\n/]*|${spaces}`,
]);

/** Alternatives of characters and classes, of which the last one alone is repeated: nothing is ever tried a second time. */
const atom = String.raw`(?:\\[pP]\{\w+\}|\\[sSdDwWnrt\\.*+?()[\]{}|/^$-]|\[(?:[^\]\\[]|\\.)+\]|[^\\^$.*+?()[\]{}|])`;
const alternative = `${atom}*(?:${atom}(?:[*+?]|\\{\\d\\d?(?:,\\d?\\d?)?\\}))?`;
const plainPattern = new RegExp(`^${alternative}(?:\\|${alternative})*$`, "u");

/** Whether counting is linear in the text, as far as can be seen. Throws for what would never end. */
export function isLinear(definition: unknown): boolean {
  const { normalizer, pre_tokenizer: preTokenizer, model, added_tokens: added } = Object(definition);
  const parts = [...partsOf([normalizer, preTokenizer])];
  for (const { type, length } of parts) {
    const isEndless = type === "FixedLength" && !(typeof length === "number" && length >= 1);
    if (isEndless) throw new Error(`pieces of a fixed length must have one, got ${String(length)}`);
  }
  return (
    parts.every(({ pattern }) => pattern === undefined || isLinearPattern(pattern)) &&
    isLinearModel(Object(model)) &&
    textsIn(added, "content").every(isShort)
  );
}

/** Counts as `count` does. Throws `invalid_argument` for a text that takes too long. */
export function clockedCounter(count: TokenCounter): TokenCounter {
  let overruns = 0;
  return (text) => {
    if (overruns >= maxOverruns) throw tooSlow(`was too slow for ${overruns} texts: nothing more is counted by it`);
    const limitMs = baseMs + Math.ceil(text.length / charsPerMs);
    try {
      return withinTime(limitMs, () => count(text));
    } catch (error) {
      if (!(error instanceof AssayError) || error.code !== "deadline_exceeded") throw error;
      overruns++;
      throw tooSlow(`takes longer than ${limitMs} ms for a text of ${text.length} characters`, error);
    }
  };
}

/** Every object in it, and it itself. */
function* partsOf(value: unknown): Generator<JsonObject> {
  if (isJsonObject(value)) yield value;
  if (typeof value === "object" && value !== null) for (const inner of Object.values(value)) yield* partsOf(inner);
}

function isLinearPattern(pattern: unknown): boolean {
  const { Regex: regex, String: text } = Object(pattern);
  if (typeof regex !== "string") return isShort(text);
  return knownPatterns.has(regex) || (isShort(regex) && plainPattern.test(regex));
}

function isLinearModel({ type, vocab, max_input_chars_per_word: wordChars = 100 }: JsonObject): boolean {
  if (type === "WordPiece") return typeof wordChars === "number" && wordChars <= maxWordChars;
  return type !== "Unigram" || textsIn(vocab, "0").every(isShort);
}

function textsIn(list: unknown, name: string): unknown[] {
  return Array.isArray(list) ? list.map((one) => Object(one)[name]) : [];
}

function isShort(text: unknown): boolean {
  return typeof text === "string" && text.length <= maxChars;
}

function tooSlow(what: string, cause?: unknown): AssayError {
  const description = `its tokenizer.json ${what}`;
  return new AssayError("invalid_argument", `tokenizer.name: ${description}`, {
    violations: [{ field: "tokenizer.name", description }],
    ...(cause === undefined ? {} : { cause }),
  });
}
