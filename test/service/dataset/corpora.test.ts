import { readFileSync } from "node:fs";
import { expect } from "chai";
import fc from "fast-check";
import { encode } from "gpt-tokenizer/encoding/o200k_base";
import { noPreface, type PrefaceOptions } from "../../../services/dataset/core/preface.ts";
import { type SyntheticOptions, syntheticDataset } from "../../../services/dataset/core/synthesis.ts";
import { buildTable, openings } from "../../../services/dataset/corpus/build.ts";
import { corpusNames, loadCorpus } from "../../../services/dataset/corpus/load.ts";
import { writeCode } from "../../../services/dataset/corpus/write-code.ts";

const fixed = (mean: number) => ({ mean, stddev: 0 });
const plain: SyntheticOptions = {
  size: 1000,
  seed: 42,
  inputTokens: fixed(60),
  outputTokens: undefined,
  turns: fixed(1),
  turnDelayMs: fixed(0),
};

describe("the built-in corpora", () => {
  it("have the code and its table that their scripts make", () => {
    const { text } = loadCorpus("code");
    expect(text).to.equal(writeCode(120_000));
    const table = readFileSync(new URL("../../../services/dataset/corpus/code.o200k.bin", import.meta.url));
    expect(Buffer.compare(table, buildTable(text, openings.code))).to.equal(0);
  });

  for (const name of corpusNames) {
    const corpus = loadCorpus(name);

    it(`give prompts of exactly the length asked for: ${name}`, () => {
      for (let tokens = 1; tokens <= 400; tokens++) {
        const dataset = syntheticDataset(corpus, { ...plain, inputTokens: fixed(tokens), turns: fixed(2) });
        for (const turn of [0, 1]) {
          const [message] = dataset.messages(tokens, turn);
          expect(encode(message?.content ?? "").length, `${tokens} tokens, turn ${turn}`).to.equal(tokens);
        }
      }
    });

    it(`give exactly the sum behind a prefix, and messages of exactly their lengths: ${name}`, () => {
      const length = fc.integer({ min: 1, max: 60 });
      fc.assert(
        fc.property(length, length, fc.nat({ max: 999 }), (prefixTokens, tokens, conversation) => {
          const lengthsWith = (changes: Partial<PrefaceOptions>): number[] => {
            const options = { ...plain, inputTokens: fixed(tokens), preface: { ...noPreface, ...changes } };
            const dataset = syntheticDataset(corpus, options);
            const messages = dataset.messages(conversation, 0);
            const lengths = messages.map(({ content }) => encode(content).length);
            expect(dataset.plan(conversation)[0]?.inputTokens).to.equal(lengths.reduce((sum, each) => sum + each, 0));
            return lengths;
          };
          expect(lengthsWith({ prefixes: 5, prefixTokens })).to.deep.equal([prefixTokens + tokens]);
          expect(lengthsWith({ systemTokens: prefixTokens, contextTokens: 7 })).to.deep.equal([prefixTokens, 7, tokens]);
        }),
        { numRuns: 300 },
      );
    });
  }
});
