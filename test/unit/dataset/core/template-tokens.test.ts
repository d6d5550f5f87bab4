import { expect } from "chai";
import { syntheticDataset } from "../../../../services/dataset/core/synthesis.ts";
import { templateTokens } from "../../../../services/dataset/core/template-tokens.ts";
import { toyCorpus } from "./toy-corpus.ts";

const words = (text: string): number => text.split(" ").length;
/** Two tokens at the start, three around each message, one for the answer to come. */
const countChat = (messages: readonly { readonly content: string }[]): number =>
  3 + messages.reduce((sum, { content }) => sum + 3 + words(content), 0);

describe("what a chat template adds", () => {
  it("is what stands around the first message, and around each further one", () => {
    expect(templateTokens(countChat, words)).to.deep.equal({ first: 6, later: 3 });
  });

  it("is part of the length asked for: prompts are shorter by it, and at least a token long", () => {
    const fixed = (mean: number) => ({ mean, stddev: 0 });
    const lengthsOf = (tokens: number) =>
      syntheticDataset(toyCorpus(), {
        size: 1,
        seed: 1,
        inputTokens: fixed(tokens),
        outputTokens: undefined,
        turns: fixed(3),
        turnDelayMs: fixed(0),
        overhead: { first: 6, later: 3 },
      })
        .plan(0)
        .map(({ inputTokens }) => inputTokens);
    expect(lengthsOf(20)).to.deep.equal([14, 17, 17]);
    expect(lengthsOf(4)).to.deep.equal([1, 1, 1]);
  });
});
