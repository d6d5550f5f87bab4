import { expect } from "chai";
import fc from "fast-check";
import { countTokens } from "gpt-tokenizer/encoding/o200k_base";
import type { PromptRecipe } from "../../../../services/dataset/core/formats/row.ts";
import { promptMaker } from "../../../../services/dataset/core/trace-prompt.ts";
import { loadCorpus } from "../../../../services/dataset/corpus/load.ts";

const prose = loadCorpus("prose");

function recipe(inputTokens: number, blockIds: readonly number[], blockTokens: number): PromptRecipe {
  return { inputTokens, blockIds, blockTokens };
}

const prompts = fc
  .record({
    ids: fc.array(fc.oneof(fc.nat(40), fc.maxSafeNat(), fc.constant(2 ** 63)), { maxLength: 8 }),
    blockTokens: fc.integer({ min: 1, max: 70 }),
    last: fc.double({ min: 0, max: 1, noNaN: true }),
    tail: fc.oneof(fc.constant(0), fc.nat(50)),
  })
  .map(({ ids, blockTokens, last, tail }) => {
    const cut = Math.ceil(Math.max(last, 0.001) * blockTokens);
    const inputTokens = ids.length === 0 ? tail + 1 : (ids.length - 1) * blockTokens + (tail > 0 ? blockTokens + tail : cut);
    return recipe(inputTokens, ids, blockTokens);
  });

describe("a prompt made of a trace's blocks", () => {
  it("encodes to exactly the tokens of its row, whatever the blocks, the last one shorter, or more behind them", () => {
    const maker = promptMaker(prose, 7);
    const check = fc.property(prompts, fc.nat(1e6), (wanted, row) => {
      expect(countTokens(maker.text(wanted, row))).to.equal(wanted.inputTokens);
    });
    fc.assert(check, { numRuns: 300 });
  });

  it("begins as every prompt does whose blocks begin alike, to the byte", () => {
    const ids = [5, 1, 2 ** 60, 9];
    const short = promptMaker(prose, 7).text(recipe(3 * 48, ids.slice(0, 3), 48), 1);
    const long = promptMaker(prose, 7).text(recipe(4 * 48, ids, 48), 2);
    expect(long.startsWith(short)).to.equal(true);
    expect(long.length).to.be.above(short.length);
  });

  it("has the same text for a block wherever it stands, but for the first space of a prompt", () => {
    const maker = promptMaker(prose, 7);
    const alone = maker.text(recipe(64, [3], 64), 0);
    expect(maker.text(recipe(128, [4, 3], 64), 0).endsWith(` ${alone}`)).to.equal(true);
  });

  it("differs by block, by row and by seed", () => {
    const maker = promptMaker(prose, 7);
    const texts = Array.from({ length: 2000 }, (_, id) => maker.text(recipe(16, [id], 16), 0));
    expect(new Set(texts).size).to.equal(2000);
    const own = Array.from({ length: 2000 }, (_, row) => maker.text(recipe(16, [], 16), row));
    expect(new Set([...own, ...texts]).size).to.equal(4000);
    expect(promptMaker(prose, 8).text(recipe(16, [1], 16), 0)).to.not.equal(texts[1]);
  });

  it("is the same whatever was asked for before", () => {
    const maker = promptMaker(prose, 7);
    const wanted = recipe(1000, [1, 2, 3], 400);
    const first = maker.text(wanted, 5);
    for (let id = 0; id < 30_000; id++) maker.text(recipe(400, [id], 400), id);
    maker.text(recipe(16, [1], 16), 0);
    expect(maker.text(wanted, 5)).to.equal(first);
    expect(promptMaker(prose, 7).text(wanted, 5)).to.equal(first);
  });
});
