import { expect } from "chai";
import { BurstSlices } from "../../../services/worker/burst-slices.ts";

/** Does `count` things as a burst does them; returns what was done, in order. */
function burst(slices: BurstSlices, count: number, from = 0, done: number[] = []): number[] {
  for (let index = from; index < from + count; index++) {
    if (slices.mustWait()) slices.postpone(() => done.push(index));
    else done.push(index);
  }
  return done;
}

describe("a burst of sends", () => {
  let rounds: (() => void)[];
  let slices: BurstSlices;
  beforeEach(() => {
    rounds = [];
    slices = new BurstSlices((work) => rounds.push(work));
  });

  it("goes out at once up to a size, again and again as the loop comes round", () => {
    for (let round = 0; round < 3; round++) {
      expect(burst(slices, 2048)).to.have.lengthOf(2048);
      slices.cameRound();
    }
    expect(rounds).to.deep.equal([]);
  });

  it("beyond it goes out in slices, in its order, with a round of the loop between them", () => {
    const done = burst(slices, 2500);
    expect(done).to.have.lengthOf(2048);
    // What comes while others wait, waits behind them.
    slices.cameRound();
    burst(slices, 100, 2500, done);
    const lengths: number[] = [];
    while (rounds.length > 0) {
      rounds.shift()?.();
      lengths.push(done.length);
    }
    expect(lengths).to.deep.equal([2176, 2304, 2432, 2560, 2600]);
    expect(done).to.deep.equal(Array.from({ length: 2600 }, (_, index) => index));
    expect(burst(slices, 10)).to.have.lengthOf(10);
  });
});
