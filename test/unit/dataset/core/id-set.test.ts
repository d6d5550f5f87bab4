import { expect } from "chai";
import fc from "fast-check";
import { IdSet } from "../../../../services/dataset/core/id-set.ts";

describe("a set of blocks' names", () => {
  const ids = fc.oneof(
    fc.nat(200),
    fc.integer({ min: 2 ** 28 - 40, max: 2 ** 28 + 40 }),
    fc.maxSafeNat(),
    fc.nat(50).map((index) => index * 2 ** 32),
    fc.nat(50).map((index) => 2 ** 63 + index * 4096),
  );

  it("has what was put into it, each once, as a Set", () => {
    const check = fc.property(fc.array(ids, { maxLength: 3000 }), fc.array(ids, { maxLength: 100 }), (added, asked) => {
      const set = new IdSet();
      const expected = new Set<number>();
      for (const id of added) {
        expect(set.add(id)).to.equal(!expected.has(id));
        expected.add(id);
      }
      expect(set.size).to.equal(expected.size);
      for (const id of [...added, ...asked]) expect(set.has(id), `${id}`).to.equal(expected.has(id));
    });
    fc.assert(check, { numRuns: 50, seed: 3 });
  });
});
