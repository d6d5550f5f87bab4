import { expect } from "chai";
import fc from "fast-check";
import { PrefixSurvey } from "../../../../services/dataset/core/prefix-survey.ts";
import { loadedRows } from "./loading.ts";

const surveyOf = (requests: readonly (readonly [inputTokens: number, blockIds: readonly number[]])[], blockTokens = 10) => {
  const survey = new PrefixSurvey();
  for (const [inputTokens, blockIds] of requests) survey.add({ inputTokens, blockIds, blockTokens });
  return survey.stats();
};

describe("what the prompts of a trace share", () => {
  it("is, of each request, the blocks from its start that requests before named", () => {
    expect(
      surveyOf([
        [30, [1, 2, 3]],
        [40, [1, 2, 9, 3]],
        [15, [1, 2]],
        [20, [7, 1]],
      ]),
    ).to.deep.equal({
      requests: 4,
      blocks: 11,
      uniqueBlocks: 5,
      sharedBlocks: 4,
      sharedTokens: 20 + 15,
      meanReuse: (0 + 2 / 4 + 1 + 0) / 4,
    });
  });

  it("is nothing where no request names blocks, which then do not count", () => {
    expect(surveyOf([[30, []]])).to.equal(undefined);
    expect(
      surveyOf([
        [30, []],
        [10, [4]],
      ]),
    ).to.deep.include({ requests: 1, blocks: 1, meanReuse: 0 });
  });

  it("is all blocks but the different ones where a name is that of a whole prefix, in any order", () => {
    const paths = fc.array(fc.array(fc.nat(2), { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 30 });
    const check = fc.property(paths, (trace) => {
      // As traces do that hash a block with all before it.
      const chained = trace.map((path) =>
        path.map((_, index) => path.slice(0, index + 1).reduce((id, step) => id * 4 + step + 1, 0)),
      );
      const stats = surveyOf(chained.map((ids) => [ids.length * 10, ids]));
      expect((stats?.blocks ?? 0) - (stats?.sharedBlocks ?? 0)).to.equal(stats?.uniqueBlocks);
    });
    fc.assert(check);
  });

  it("is known of a loaded trace", () => {
    const file = loadedRows([
      { input_length: 600, hash_ids: [1, 2] },
      { input_length: 700, hash_ids: [1, 3] },
      { text_input: "a" },
    ]);
    expect(file.prefixes).to.deep.include({ requests: 2, blocks: 4, uniqueBlocks: 3, sharedBlocks: 1, sharedTokens: 512 });
    expect(loadedRows([{ input_length: 600 }]).prefixes).to.equal(undefined);
  });
});
