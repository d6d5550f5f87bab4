/**
 * Makes `prose.o200k.bin` from `prose.txt`: `node services/dataset/corpus/build.ts`. To be run after every change of the prose.
 * The prose was written for this project and is under its licence.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { countTokens } from "gpt-tokenizer/encoding/o200k_base";
import { O200K_TOKEN_SPLIT_REGEX } from "gpt-tokenizer/encodingParams/constants";
import { type CorpusWord, packWords } from "../core/corpus.ts";

/** The table of a text in o200k_base: its words, their tokens, and where it may be cut. */
export function buildTable(text: string): Uint8Array {
  const words = [...text.matchAll(O200K_TOKEN_SPLIT_REGEX)];
  return packWords(words.map((match) => describeWord(match[0], text, match.index)));
}

function describeWord(word: string, text: string, start: number): CorpusWord {
  const tokens = countTokens(word);
  const isJoin = /^ \p{L}/u.test(word);
  const isAfterSentence = start === 0 || /[.?!]$|\n$/.test(text.slice(0, start));
  return {
    length: word.length,
    tokens,
    isJoin,
    isOpening: isAfterSentence && /^ ?\p{Lu}/u.test(word) && countTokens(word.trimStart()) === tokens,
    // Within hyphenated words and before an apostrophe a cut would be exact, but would leave half a word.
    canEnd: !word.includes("\n") && /^[ ,.;:?!\n]|^$/.test(text.slice(start + word.length)),
  };
}

if (import.meta.main) {
  const text = readFileSync(new URL("prose.txt", import.meta.url), "utf8");
  writeFileSync(new URL("prose.o200k.bin", import.meta.url), buildTable(text));
}
