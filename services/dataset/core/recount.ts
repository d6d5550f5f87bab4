/** A corpus in the vocabulary of another tokenizer, and whether prompts cut from it have the lengths that they should. Pure. */
import { AssayError } from "../../common/errors.ts";
import { randomStream } from "../../common/random.ts";
import type { TokenCounter } from "../../common/tokenizer/source.ts";
import { type Corpus, measured } from "./corpus.ts";
import { composePrompt } from "./prompt-text.ts";

const samples = 100;
const longestSample = 400;

/**
 * Its words stay where they are, their tokens are counted anew; `count` is called for each different word, some thousand times.
 * Throws `invalid_argument` where it finds no token in plain English.
 */
export function recountCorpus(corpus: Corpus, count: TokenCounter): Corpus {
  const { text, charStart } = corpus;
  const tokensOf = wordCounter(count);
  const wordAt = (word: number): string => text.slice(charStart[word], charStart[word + 1]);
  const tokenStart = new Uint32Array(charStart.length);
  for (let word = 0; word < charStart.length - 1; word++) {
    const start = charStart[word] as number;
    const isLineStart = start === 0 || text[start - 1] === "\n";
    tokenStart[word + 1] = (tokenStart[word] as number) + tokensOf(wordAt(word), isLineStart);
  }
  const even = corpus.openings.filter((word) => {
    const tokens = (tokenStart[word + 1] as number) - (tokenStart[word] as number);
    return count(wordAt(word).trimStart()) === tokens;
  });
  // Without any opening that costs the same at the start of a text, prompts are not exact.
  const recounted = measured({ ...corpus, tokenStart, openings: even.length > 0 ? even : corpus.openings });
  if (Number.isFinite(recounted.leastOpening) && Number.isFinite(recounted.leastJoin)) return recounted;
  throw new AssayError("invalid_argument", "tokenizer.name: it finds no token in an English text", {
    violations: [{ field: "tokenizer.name", description: "it finds no token in an English text" }],
  });
}

/**
 * Tokens of a word where it stands in a text: behind a letter or a line break, and before a letter if it ends with a line break.
 * By itself a word could get a token more or less.
 */
function wordCounter(count: TokenCounter): (word: string, isLineStart: boolean) => number {
  const known = new Map<string, number>();
  const letter = count("a");
  const lineBreak = count("\n");
  const letterAtLineStart = count("\na") - lineBreak;
  return (word, isLineStart) => {
    const key = `${isLineStart ? "\n" : "a"}${word}`;
    const after = word.endsWith("\n") ? "a" : "";
    const around = (isLineStart ? lineBreak : letter) + (after === "" ? 0 : letterAtLineStart);
    const tokens = known.get(key) ?? Math.max(0, count(key + after) - around);
    known.set(key, tokens);
    return tokens;
  };
}

/**
 * Whether prompts have exactly the length that they were asked for, by trying: a tokenizer that merges across words counts a
 * text otherwise than its words.
 */
export function cutsExactly(corpus: Corpus, count: TokenCounter): boolean {
  if (corpus.leastOpening > 1 || corpus.leastJoin > 1) return false;
  for (let sample = 0; sample < samples; sample++) {
    const random = randomStream(0, "recount", sample);
    const tokens = 1 + (sample < samples / 2 ? random.below(40) : random.below(longestSample));
    const opening = corpus.openings[random.below(corpus.openings.length)] as number;
    const continuation = corpus.joins[random.below(corpus.joins.length)] as number;
    if (count(composePrompt(corpus, tokens, { opening, continuation }, random)) !== tokens) return false;
  }
  return true;
}
