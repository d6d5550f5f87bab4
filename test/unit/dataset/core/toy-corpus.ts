import { type Corpus, type CorpusWord, packWords, readCorpus } from "../../../../services/dataset/core/corpus.ts";

const wordPattern = / ?\p{L}+|[^\s\p{L}]+\n*/gu;

/** Tokens of a text in a toy vocabulary: a word has one for every four letters begun, a run of punctuation has one. */
export function toyTokens(text: string): number {
  return (text.match(wordPattern) ?? []).map(tokensOfWord).reduce((sum, tokens) => sum + tokens, 0);
}

function tokensOfWord(word: string): number {
  return Math.max(1, Math.ceil(word.replace(/[^\p{L}]/gu, "").length / 4));
}

export const toyText =
  "A sheep is patient. Rain does not trouble it, nor does philosophy. Whoever keeps several hundred of them learns arithmetic by " +
  "falling asleep.\n\nBarometers are less agreeable. They predict, they hesitate, and on Thursdays they are usually mistaken. I sold mine.";

/** `toyText` with its table. */
export function toyCorpus(): Corpus {
  return readCorpus(toyText, packWords(toyWords(toyText)));
}

function toyWords(text: string): CorpusWord[] {
  return [...text.matchAll(wordPattern)].map((match) => ({
    length: match[0].length,
    tokens: tokensOfWord(match[0]),
    isJoin: match[0].startsWith(" "),
    isOpening: /^ ?\p{Lu}/u.test(match[0]),
    canEnd: !match[0].includes("\n"),
  }));
}
