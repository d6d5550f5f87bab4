import { expect } from "chai";
import { BurstSlices } from "../../../services/worker/burst-slices.ts";

describe("a burst of work", () => {
  let rounds: (() => void)[];
  let nowNs: number;
  let done: number[];
  beforeEach(() => {
    rounds = [];
    nowNs = 1e9;
    done = [];
  });

  const slicesOf = (atOnceNs?: number): BurstSlices =>
    new BurstSlices({
      ...(atOnceNs === undefined ? {} : { atOnceNs }),
      later: (work) => rounds.push(work),
      now: () => nowNs,
    });
  /** Work from `from` on, each of which takes so long. */
  const burst = (slices: BurstSlices, count: number, eachNs: number, from = 0): void => {
    for (let index = from; index < from + count; index++) {
      slices.do(() => {
        nowNs += eachNs;
        done.push(index);
      });
    }
  };
  /** How much is done after each round of the loop. */
  const counts = (): number[] => {
    const found: number[] = [];
    for (let round = rounds.shift(); round !== undefined; round = rounds.shift()) {
      round();
      found.push(done.length);
    }
    return found;
  };

  it("is done at once as far as it takes 20 ms, again and again as the loop comes round", () => {
    const slices = slicesOf();
    for (let round = 0; round < 3; round++) {
      burst(slices, 1000, 20_000);
      slices.cameRound();
    }
    expect(done).to.have.lengthOf(3000);
    expect(rounds).to.deep.equal([]);
  });

  it("beyond it is done in slices of 5 ms, in its order, with a round of the loop between them", () => {
    const slices = slicesOf();
    burst(slices, 25, 1e6);
    expect(done).to.have.lengthOf(20);
    // What comes while others wait, waits behind them.
    slices.cameRound();
    burst(slices, 3, 1e6, 25);
    expect(counts()).to.deep.equal([25, 28]);
    expect(done).to.deep.equal(Array.from({ length: 28 }, (_, index) => index));
    burst(slices, 10, 1e6, 28);
    expect(done).to.have.lengthOf(38);
  });

  it("holds the loop no longer than a piece of it where each takes long", () => {
    const slices = slicesOf();
    burst(slices, 6, 15e6);
    expect(done).to.have.lengthOf(2);
    expect(counts()).to.deep.equal([3, 4, 5, 6]);
  });

  it("is done in slices alone where nothing may be done at once, and forgets what is done", () => {
    const slices = slicesOf(0);
    burst(slices, 30_000, 1000);
    expect(done).to.deep.equal([]);
    expect(counts()).to.deep.equal([5000, 10_000, 15_000, 20_000, 25_000, 30_000]);
    expect(done).to.deep.equal(Array.from({ length: 30_000 }, (_, index) => index));
  });
});
