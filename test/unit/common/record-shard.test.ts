import { expect } from "chai";
import fc from "fast-check";
import { IdRanges } from "../../../services/common/id-ranges.ts";
import { idsOfShard, MAX_SHARDS, SHARD_BLOCK, shardOf } from "../../../services/common/record-shard.ts";

describe("the shard of a credit", () => {
  it("is 0 where there is one", () => {
    for (const creditId of [0, 1, SHARD_BLOCK, 10 * SHARD_BLOCK + 7]) expect(shardOf(creditId, 1)).to.equal(0);
  });

  it("is that of its neighbours in a block, and goes round block after block", () => {
    const firsts = [0, 1, 2, 3, 4].map((block) => block * SHARD_BLOCK);
    expect(firsts.map((id) => shardOf(id, 3))).to.deep.equal([0, 1, 2, 0, 1]);
    expect(firsts.map((id) => shardOf(id + SHARD_BLOCK - 1, 3))).to.deep.equal([0, 1, 2, 0, 1]);
  });

  for (const size of [undefined, 4, 1]) {
    it(`divides any ids among the shards, each to one, by blocks of ${size ?? SHARD_BLOCK}`, () => {
      const block = size ?? SHARD_BLOCK;
      const range = fc.tuple(fc.nat(20 * block), fc.nat(3 * block));
      fc.assert(
        fc.property(fc.array(range, { maxLength: 5 }), fc.integer({ min: 1, max: MAX_SHARDS }), (spans, count) => {
          const ids = IdRanges.ofRanges(spans.map(([first, more]) => ({ first, last: first + more })));
          const parts = Array.from({ length: count }, (_, shard) => idsOfShard(ids, shard, count, size));
          expect(parts.reduce((sum, part) => sum + part.count, 0)).to.equal(ids.count);
          expect(parts.reduce((all, part) => all.union(part), new IdRanges()).ranges()).to.deep.equal(ids.ranges());
          for (const [shard, part] of parts.entries()) {
            for (const { first, last } of part.ranges()) {
              expect([shardOf(first, count, size), shardOf(last, count, size)]).to.deep.equal([shard, shard]);
            }
          }
        }),
        { numRuns: 200 },
      );
    });
  }
});
