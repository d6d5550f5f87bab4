import { expect } from "chai";
import { AssayError } from "../../../../services/common/errors.ts";
import { randomStream } from "../../../../services/common/random.ts";
import { composePrompt } from "../../../../services/dataset/core/prompt-text.ts";
import { cutsExactly, recountCorpus } from "../../../../services/dataset/core/recount.ts";
import { toyCorpus, toyTokens } from "./toy-corpus.ts";

const corpus = toyCorpus();

/** Prompts of these lengths, with what was asked for. */
function* prompts(of = corpus, lengths = 60) {
  for (let tokens = 1; tokens <= lengths; tokens++) {
    const random = randomStream(3, tokens);
    const opening = of.openings[random.below(of.openings.length)] as number;
    const continuation = of.joins[random.below(of.joins.length)] as number;
    yield { tokens, text: composePrompt(of, tokens, { opening, continuation }, random) };
  }
}

/** A token a word, a mark of punctuation or a line break. */
const words = (text: string): number => text.match(/\p{L}+|[^\s\p{L}]|\n/gu)?.length ?? 0;
/** A token a character. */
const characters = (text: string): number => text.length;
/** Four characters a token, wherever words end. */
const quarters = (text: string): number => Math.ceil(text.length / 4);
/** A capital at the start of a text costs one more: its space is missing. */
const spaced = (text: string): number => words(text) + (/^\p{L}/u.test(text) ? 1 : 0);

describe("recounting a corpus", () => {
  it("gives the same corpus for the tokenizer that it was made with", () => {
    const { tokenStart, openings, joins, leastOpening, leastJoin } = recountCorpus(corpus, toyTokens);
    expect([tokenStart, openings, joins, leastOpening, leastJoin]).to.deep.equal([
      corpus.tokenStart,
      corpus.openings,
      corpus.joins,
      1,
      1,
    ]);
    expect(cutsExactly(corpus, toyTokens)).to.equal(true);
  });

  it("gives prompts of exact length for another tokenizer that counts by words", () => {
    const recounted = recountCorpus(corpus, words);
    expect(cutsExactly(recounted, words)).to.equal(true);
    for (const { tokens, text } of prompts(recounted)) expect(words(text), text).to.equal(tokens);
    expect(cutsExactly(corpus, words), "the corpus as it was").to.equal(false);
  });

  it("begins prompts only with words that cost the same without the space before them", () => {
    const capitals = (text: string): number => words(text) + (/^R/.test(text) ? 1 : 0);
    const recounted = recountCorpus(corpus, capitals);
    expect(recounted.openings.length).to.be.within(1, corpus.openings.length - 1);
    expect(cutsExactly(recounted, capitals)).to.equal(true);
  });

  for (const [what, count, off] of [
    ["has no word of one token", characters, 20],
    ["merges across words", quarters, 20],
    ["counts every beginning otherwise", spaced, 2],
  ] as const) {
    it(`says that prompts are not exact for a tokenizer that ${what}, and comes near`, () => {
      const recounted = recountCorpus(corpus, count);
      expect(cutsExactly(recounted, count)).to.equal(false);
      for (const { tokens, text } of prompts(recounted)) expect(Math.abs(count(text) - tokens), text).to.be.at.most(off);
    });
  }

  it("refuses a tokenizer that finds no token", () => {
    expect(() => recountCorpus(corpus, () => 0)).to.throw(AssayError, "no token");
  });

  it("ends for a tokenizer that gives many words no token at all", () => {
    const vowels = (text: string): number => text.match(/\b[aeiou]/gi)?.length ?? 0;
    for (const { tokens, text } of prompts(recountCorpus(corpus, vowels))) expect(vowels(text), text).to.be.at.least(tokens - 1);
  });
});
