import { expect } from "chai";
import { partsOf } from "../../../../endpoints/parts.ts";
import { type RankingsOptions, rankingsDataset } from "../../../../services/dataset/core/rankings.ts";
import { toyCorpus, toyTokens } from "./toy-corpus.ts";

const corpus = toyCorpus();
const dataset = (changes: Partial<RankingsOptions> = {}) =>
  rankingsDataset(corpus, {
    size: 500,
    seed: 1,
    passages: { mean: 3, stddev: 0 },
    passageTokens: { mean: 20, stddev: 0 },
    queryTokens: { mean: 7, stddev: 0 },
    isExact: true,
    ...changes,
  });
const partsOfTurn = (changes: Partial<RankingsOptions>, conversation: number) =>
  dataset(changes).messages(conversation, 0).flatMap(partsOf);

describe("synthetic rankings", () => {
  it("have a query and passages by these names, of exactly the lengths asked for", () => {
    const parts = partsOfTurn({}, 4);
    expect(parts.map(({ name, modality }) => `${modality} ${name}`)).to.deep.equal([
      "text query",
      "text passages",
      "text passages",
      "text passages",
    ]);
    expect(parts.map(({ content }) => toyTokens(content))).to.deep.equal([7, 20, 20, 20]);
    expect(new Set(parts.map(({ content }) => content)).size).to.equal(4);
    expect(dataset().plan(4)).to.deep.equal([{ inputTokens: 67, maxOutputTokens: undefined, delayMs: 0 }]);
    expect(dataset({ isExact: false }).plan(4)[0]?.inputTokens).to.equal(undefined);
    expect(dataset().messages(4, 1)).to.deep.equal([]);
  });

  it("have numbers and lengths by mean and deviation", () => {
    const spread = { passages: { mean: 10, stddev: 3 }, passageTokens: { mean: 30, stddev: 5 } };
    const turns = Array.from({ length: 300 }, (_, conversation) => partsOfTurn(spread, conversation).slice(1));
    const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(mean(turns.map(({ length }) => length))).to.be.closeTo(10, 0.6);
    const lengths = turns.flat().map(({ content }) => toyTokens(content));
    expect(mean(lengths)).to.be.closeTo(30, 0.5);
    expect(Math.sqrt(mean(lengths.map((length) => (length - 30) ** 2)))).to.be.closeTo(5, 0.5);
  });

  it("keep their queries where passages are others", () => {
    const query = (changes: Partial<RankingsOptions>) => partsOfTurn(changes, 3)[0]?.content;
    expect(query({ passages: { mean: 9, stddev: 2 } })).to.equal(query({}));
    expect(query({ seed: 2 })).to.not.equal(query({}));
  });
});
