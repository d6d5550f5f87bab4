import { readFileSync } from "node:fs";
import { type Corpus, readCorpus } from "../core/corpus.ts";

/** The built-in English prose with o200k_base token counts, read from beside this file: about a millisecond, no tokenizer. */
export function loadProse(): Corpus {
  const text = readFileSync(new URL("prose.txt", import.meta.url), "utf8");
  return readCorpus(text, readFileSync(new URL("prose.o200k.bin", import.meta.url)));
}
