/** The built-in corpora with o200k_base token counts. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { permutation, randomStream } from "../../common/random.ts";
import { type Corpus, packWords, readCorpus } from "../core/corpus.ts";

/** `prose`: English. `code`: sources, logs and patches. `random`: words in no order, each one token of the vocabulary. */
export const corpusNames = ["prose", "code", "random"] as const;

export type CorpusName = (typeof corpusNames)[number];

/** Prose and code are read from beside this file, about a millisecond; `random` needs the vocabulary, which takes some hundred. */
export function loadCorpus(name: CorpusName): Corpus {
  if (name === "random") return randomWords();
  const text = readFileSync(new URL(`${name}.txt`, import.meta.url), "utf8");
  return readCorpus(text, readFileSync(new URL(`${name}.o200k.bin`, import.meta.url)));
}

/** Words of the vocabulary whose form decides how a text is split, so that each is one token wherever it stands. */
function randomWords(): Corpus {
  const require = createRequire(import.meta.url);
  const ranks = (require("gpt-tokenizer/bpeRanks/o200k_base") as typeof import("gpt-tokenizer/bpeRanks/o200k_base")).default;
  const words = ranks.filter((token): token is string => typeof token === "string" && /^ [A-Z]?[a-z]{2,}$/.test(token));
  const known = new Set(ranks.filter((token) => typeof token === "string"));
  const order = permutation(randomStream(1, "corpus", "random"), words.length);
  const shuffled = Array.from(order, (index) => words[index] as string);
  const entries = shuffled.map((word) => {
    return { length: word.length, tokens: 1, isJoin: true, isOpening: known.has(word.slice(1)), canEnd: true };
  });
  return readCorpus(shuffled.join(""), packWords(entries));
}
