import { readFileSync } from "node:fs";
import { expect } from "chai";
import fc from "fast-check";
import { encode } from "gpt-tokenizer/encoding/o200k_base";
import { randomStream } from "../../../services/common/random.ts";
import { longestPiece, textOf } from "../../../services/dataset/core/corpus.ts";
import { composePrompt } from "../../../services/dataset/core/prompt-text.ts";
import { syntheticDataset } from "../../../services/dataset/core/synthesis.ts";
import type { Dataset } from "../../../services/dataset/core/turns.ts";
import { buildTable, openings } from "../../../services/dataset/corpus/build.ts";
import { loadCorpus } from "../../../services/dataset/corpus/load.ts";

describe("the built-in prose", () => {
  const corpus = loadCorpus("prose");
  const datasetOf = (tokens: number) =>
    syntheticDataset(corpus, {
      size: 10_000_000,
      seed: 42,
      inputTokens: { mean: tokens, stddev: 0 },
      outputTokens: undefined,
      turns: { mean: 1, stddev: 0 },
      turnDelayMs: { mean: 0, stddev: 0 },
    });
  const promptOf = (dataset: Dataset, conversation: number) => dataset.messages(conversation, 0)[0]?.content ?? expect.fail();
  const composed = (tokens: number, seed: number) => {
    const random = randomStream(seed);
    const [opening, continuation] = [corpus.openings, corpus.joins].map((words) => words[random.below(words.length)] as number);
    return composePrompt(corpus, tokens, { opening: opening as number, continuation: continuation as number }, random);
  };

  it("has the table that the build script makes of it", () => {
    const committed = readFileSync(new URL("../../../services/dataset/corpus/prose.o200k.bin", import.meta.url));
    expect(Buffer.compare(committed, buildTable(corpus.text, openings.prose))).to.equal(0);
  });

  it("has as many tokens as the tokenizer counts in it", () => {
    expect(corpus.tokenStart.at(-1)).to.equal(encode(corpus.text).length);
  });

  it("gives prompts of every length from 1 to 1000 that encode to exactly that many tokens", () => {
    for (let tokens = 1; tokens <= 1000; tokens++) {
      expect(encode(composed(tokens, tokens)).length, `${tokens} tokens`).to.equal(tokens);
    }
  });

  it("gives exact prompts wherever they begin", () => {
    const lengths = fc.oneof(
      { weight: 12, arbitrary: fc.integer({ min: 1, max: 40 }) },
      { weight: 1, arbitrary: fc.integer({ min: 1000, max: 4000 }) },
    );
    fc.assert(
      fc.property(lengths, fc.maxSafeInteger(), (tokens, seed) => encode(composed(tokens, seed)).length === tokens),
      { numRuns: 2000 },
    );
  });

  it("gives an exact prompt several times as long as the prose", () => {
    expect(encode(composed(50_000, 1)).length).to.equal(50_000);
  });

  it("makes the same text on every machine", () => {
    expect(promptOf(datasetOf(24), 0)).to.equal(
      "Tourists offer to buy them. They that begins at a temperature water can never reach, which explains why a wet steak",
    );
  });

  it("has no two pieces that begin alike, so that no two prompts share their first 16 tokens by accident", () => {
    for (const words of [corpus.openings, corpus.joins]) {
      const beginnings = Array.from(words, (word) => longestPiece(corpus, word, 8)).filter((piece) => piece !== undefined);
      expect(new Set(beginnings.map((piece) => textOf(corpus, piece).trimStart())).size).to.equal(beginnings.length);
    }
    const dataset = datasetOf(20);
    const heads = Array.from({ length: 3000 }, (_, index) => encode(promptOf(dataset, index)).slice(0, 16).join());
    expect(new Set(heads).size).to.equal(3000);
  });
});
