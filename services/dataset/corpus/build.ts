/**
 * Makes the tables of the corpora from their texts, `prose.o200k.bin` from `prose.txt`: `node services/dataset/corpus/build.ts`. To be run
 * after every change of a text. The prose was written for this project and is under its licence; `write-code.ts` has written the code.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { countTokens } from "gpt-tokenizer/encoding/o200k_base";
import { O200K_TOKEN_SPLIT_REGEX } from "gpt-tokenizer/encodingParams/constants";
import { type CorpusWord, packWords } from "../core/corpus.ts";

/**
 * The table of a text in o200k_base: its words, their tokens, and where it may be cut.
 * @param opening how a word looks that may begin a prompt, where it stands at the start of a sentence or line
 */
export function buildTable(text: string, opening: RegExp): Uint8Array {
  const words = [...text.matchAll(O200K_TOKEN_SPLIT_REGEX)];
  return packWords(words.map((match) => describeWord(match[0], text, match.index, opening)));
}

/** Of each corpus that has a text: sentences begin with a capital, statements with any letter. */
export const openings = { prose: /^ ?\p{Lu}/u, code: /^ ?\p{L}/u } as const;

function describeWord(word: string, text: string, start: number, opening: RegExp): CorpusWord {
  const tokens = countTokens(word);
  const isJoin = /^ \p{L}/u.test(word);
  const bare = word.trimStart();
  const isAfterSentence = start === 0 || /[.?!]$|\n$/.test(text.slice(Math.max(0, start - 1), start));
  // At the start of a text and behind a space, where a prefix stands before it.
  const isEven = (): boolean => countTokens(bare) === tokens && countTokens(` ${bare}`) === tokens;
  return {
    length: word.length,
    tokens,
    isJoin,
    isOpening: isAfterSentence && opening.test(word) && isEven(),
    // Within hyphenated words and before an apostrophe a cut would be exact, but would leave half a word.
    canEnd: !word.includes("\n") && /^[ ,.;:?!\n]|^$/.test(text.slice(start + word.length)),
  };
}

if (import.meta.main) {
  for (const [name, opening] of Object.entries(openings)) {
    const text = readFileSync(new URL(`${name}.txt`, import.meta.url), "utf8");
    writeFileSync(new URL(`${name}.o200k.bin`, import.meta.url), buildTable(text, opening));
  }
}
