import { expect } from "chai";
import { BurstSlices } from "../../../services/worker/burst-slices.ts";

describe("a burst of work", () => {
  let rounds: (() => void)[];
  let ticks: (() => void)[];
  let nowNs: number;
  let done: number[];
  beforeEach(() => {
    rounds = [];
    ticks = [];
    nowNs = 1e9;
    done = [];
  });

  const slicesOf = (atOnceNs?: number): BurstSlices =>
    new BurstSlices({
      ...(atOnceNs === undefined ? {} : { atOnceNs }),
      later: (work) => rounds.push(work),
      afterTicks: (work) => ticks.push(work),
      now: () => nowNs,
    });
  const tick = (): void => {
    for (let work = ticks.shift(); work !== undefined; work = ticks.shift()) work();
  };
  /** Work from `from` on, each of which takes so long in the tick after it; `together` of it between two ticks. */
  const burst = (slices: BurstSlices, count: number, eachNs: number, { from = 0, together = 1 } = {}): void => {
    for (let index = from; index < from + count; index++) {
      slices.do(() => {
        done.push(index);
        ticks.push(() => {
          nowNs += eachNs;
        });
      });
      if ((index + 1 - from) % together === 0) tick();
    }
    tick();
  };
  /** How much is done after each round of the loop. */
  const counts = (): number[] => {
    const found: number[] = [];
    for (let round = rounds.shift(); round !== undefined; round = rounds.shift()) {
      round();
      tick();
      found.push(done.length);
    }
    return found;
  };

  it("is done at once as far as it takes 20 ms, again and again as the loop comes round", () => {
    const slices = slicesOf();
    for (let round = 0; round < 3; round++) {
      burst(slices, 1000, 19_000);
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
    burst(slices, 3, 1e6, { from: 25 });
    expect(counts()).to.deep.equal([25, 28]);
    expect(done).to.deep.equal(Array.from({ length: 28 }, (_, index) => index));
    burst(slices, 10, 1e6, { from: 28 });
    expect(done).to.have.lengthOf(38);
  });

  it("is not begun all at once where its cost has not shown yet", () => {
    const slices = slicesOf();
    burst(slices, 70, 10e6, { together: 70 });
    expect(done).to.have.lengthOf(64);
    expect(counts()).to.deep.equal([65, 66, 67, 68, 69, 70]);
  });

  it("counts the ticks of all that was done together", () => {
    const slices = slicesOf();
    burst(slices, 10, 3e6, { together: 10 });
    burst(slices, 1, 3e6, { from: 10 });
    expect(done).to.have.lengthOf(10);
    expect(counts()).to.deep.equal([11]);
  });

  it("takes what comes out of a slice's last piece in its turn", () => {
    const slices = slicesOf(0);
    slices.do(() => {
      done.push(0);
      burst(slices, 1, 1000, { from: 2 });
    });
    burst(slices, 1, 1000, { from: 1 });
    expect(counts()).to.deep.equal([3]);
    expect(done).to.deep.equal([0, 1, 2]);
    expect(rounds).to.deep.equal([]);
  });

  it("is done to its end, once, where nobody will come back for it", () => {
    const slices = slicesOf(0);
    burst(slices, 10, 2e6);
    rounds.shift()?.();
    tick();
    slices.doAll();
    expect(done).to.deep.equal(Array.from({ length: 10 }, (_, index) => index));
    expect(counts()).to.deep.equal([10]);
    burst(slices, 1, 1000, { from: 10 });
    expect(counts()).to.deep.equal([11]);
  });

  it("is done in slices alone where nothing may be done at once, and forgets what is done", () => {
    const slices = slicesOf(0);
    burst(slices, 30_000, 1000);
    expect(done).to.deep.equal([]);
    expect(counts()).to.deep.equal([5000, 10_000, 15_000, 20_000, 25_000, 30_000]);
    expect(done).to.deep.equal(Array.from({ length: 30_000 }, (_, index) => index));
  });
});
