import { expect } from "chai";
import { Thinning } from "../../../../services/records-manager/core/thinning.ts";

const picksOf = (count: number): number[] => {
  const thinning = new Thinning();
  return Array.from({ length: count }, (_, index) => index).filter(() => thinning.next());
};

describe("thinning", () => {
  it("picks the first hundred all", () => {
    expect(picksOf(100)).to.have.lengthOf(100);
  });

  it("then picks every second, and after a hundred more every fourth", () => {
    const picks = picksOf(1000);
    expect(picks.slice(100, 103)).to.deep.equal([100, 102, 104]);
    expect(picks.slice(200, 203)).to.deep.equal([300, 304, 308]);
  });

  it("picks from the whole of a long stream, and few of it", () => {
    const picks = picksOf(1_000_000);
    expect(picks.length).to.be.below(1500);
    for (let tenth = 0; tenth < 10; tenth++) {
      expect(
        picks.some((index) => Math.floor(index / 100_000) === tenth),
        `tenth ${tenth}`,
      ).to.equal(true);
    }
  });
});
