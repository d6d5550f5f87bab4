import { expect } from "chai";
import fc from "fast-check";
import { createSampler, type SamplingOrder } from "../../../services/common/sampler.ts";

const draws = (order: SamplingOrder, size: number, seed: number, count: number) => {
  const sampler = createSampler(order, size, seed);
  return Array.from({ length: count }, (_, nth) => sampler.draw(nth));
};

describe("createSampler", () => {
  it("draws sequentially and begins again at the end", () => {
    expect(draws("sequential", 3, 1, 7)).to.deep.equal([0, 1, 2, 0, 1, 2, 0]);
  });

  it("draws every entry once a round when it shuffles, and each round in an order of its own", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.maxSafeInteger(), (size, seed) => {
        const all = draws("shuffle", size, seed, 3 * size);
        for (const round of [0, 1, 2]) {
          const entries = all.slice(round * size, (round + 1) * size).sort((a, b) => a - b);
          expect(entries).to.deep.equal(Array.from({ length: size }, (_, index) => index));
        }
      }),
    );
    const all = draws("shuffle", 30, 1, 60);
    expect(all.slice(30)).not.to.deep.equal(all.slice(0, 30));
  });

  it("draws with replacement, every entry about equally often", () => {
    const counts = new Array<number>(5).fill(0);
    for (const entry of draws("random", 5, 2, 5000)) counts[entry] = (counts[entry] as number) + 1;
    for (const count of counts) expect(count).to.be.within(850, 1150);
    expect(new Set(draws("random", 5, 2, 5)).size).to.be.below(5);
  });

  it("draws each entry as often as its weight", () => {
    const sampler = createSampler("weighted", 3, 5, [1, 3, 6]);
    const counts = [0, 0, 0];
    for (let nth = 0; nth < 10_000; nth++) counts[sampler.draw(nth)] = (counts[sampler.draw(nth)] as number) + 1;
    expect(counts[0]).to.be.within(900, 1100);
    expect(counts[1]).to.be.within(2850, 3150);
    expect(counts[2]).to.be.within(5850, 6150);
  });

  it("draws every entry about equally often where none has a weight", () => {
    expect(draws("weighted", 5, 2, 50)).to.deep.equal(draws("random", 5, 2, 50));
  });

  for (const order of ["sequential", "random", "shuffle"] as const) {
    it(`gives the same ${order} draw whatever was drawn before`, () => {
      const inOrder = draws(order, 7, 3, 50);
      const backwards = createSampler(order, 7, 3);
      for (let nth = 49; nth >= 0; nth--) expect(backwards.draw(nth)).to.equal(inOrder[nth]);
    });
  }

  it("follows the seed", () => {
    for (const order of ["random", "shuffle"] as const) {
      expect(draws(order, 50, 1, 50)).to.deep.equal(draws(order, 50, 1, 50));
      expect(draws(order, 50, 1, 50)).not.to.deep.equal(draws(order, 50, 2, 50));
    }
  });

  it("refuses to draw from nothing", () => {
    expect(() => createSampler("random", 0, 1)).to.throw(RangeError, "got 0");
    expect(() => createSampler("random", 1.5, 1)).to.throw(RangeError, "got 1.5");
  });
});
