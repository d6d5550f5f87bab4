import { expect } from "chai";
import fc from "fast-check";
import { type DueTimes, drawnTimes, gridTimes, Pacing } from "../../../../mock/answers/pace.ts";
import { defaultOptions } from "../../../../mock/options.ts";
import { randomStream } from "../../../../services/common/random.ts";

const plan = { startNs: 1000, ttftNs: 500, itlNs: 20, jitter: 0, random: () => 0.9 };
const take = (times: DueTimes, count: number, tokens = 1) => Array.from({ length: count }, () => times.next(tokens));

describe("due times on a grid", () => {
  it("begin with the TTFT and stand an ITL apart", () => {
    expect(take(gridTimes(plan), 4)).to.deep.equal([1500, 1520, 1540, 1560]);
  });

  it("are all the first one without an ITL", () => {
    expect(take(gridTimes({ ...plan, itlNs: 0 }), 3)).to.deep.equal([1500, 1500, 1500]);
  });

  it("of chunks of several tokens are those of their last tokens, but for the first chunk", () => {
    expect(take(gridTimes(plan), 3, 5)).to.deep.equal([1500, 1600, 1700]);
  });

  it("with jitter stay near their places, never go back, and repeat with the seed", () => {
    fc.assert(
      fc.property(fc.nat(), fc.double({ min: 0, max: 1, noNaN: true }), (seed, jitter) => {
        const make = () => take(gridTimes({ ...plan, jitter, random: randomStream(seed, "mock", 0).next }), 50);
        const times = make();
        const first = times[0] ?? Number.NaN;
        expect(first).to.be.within(1000 + 500 * (1 - jitter), 1000 + 500 * (1 + jitter));
        for (const [i, dueNs] of times.entries()) {
          expect(Math.abs(dueNs - first - 20 * i)).to.be.at.most(10 * jitter + 1e-9);
          expect(dueNs).to.be.at.least(times[i - 1] ?? 0);
        }
        expect(make()).to.deep.equal(times);
      }),
    );
  });
});

describe("drawn due times", () => {
  it("stand a drawn gap a token apart", () => {
    const gaps = [1, 2, 3, 4, 5, 6];
    const times = drawnTimes(100, () => gaps.shift() ?? 0);
    expect([times.next(7), times.next(1), times.next(2), times.next(3)]).to.deep.equal([100, 101, 106, 121]);
  });
});

describe("the pacing of answers", () => {
  const options = {
    ...defaultOptions,
    ttftMs: "normal:50,10",
    itlMs: "exponential:5",
    osl: "uniform:1,100",
    tokensPerChunk: "uniform:1,4",
  };
  const told = (pacing: Pacing, ordinal: number) => {
    const pace = pacing.begin(ordinal, 0);
    const chunks = Array.from({ length: 5 }, () => [pace.chunkTokens(), pace.next(1)]);
    return [pacing.lengthOf(ordinal), pacing.slownessOf(ordinal), chunks];
  };

  it("is the same for the same seed and number, in whatever order answers begin", () => {
    const [one, other] = [new Pacing(options), new Pacing(options)];
    const forwards = [0, 1, 2].map((ordinal) => told(one, ordinal));
    const backwards = [2, 1, 0].map((ordinal) => told(other, ordinal));
    expect(backwards.reverse()).to.deep.equal(forwards);
    expect(told(new Pacing({ ...options, seed: 1 }), 0)).to.not.deep.equal(forwards[0]);
    expect(forwards[0]).to.not.deep.equal(forwards[1]);
  });

  it("takes plain numbers as they are", () => {
    const pacing = new Pacing({ ...defaultOptions, ttftMs: 3, itlMs: 2, osl: 7, tokensPerChunk: 4, slowMs: 9 });
    const pace = pacing.begin(0, 1e6);
    expect([pace.chunkTokens(), pace.next(4), pace.next(4), pacing.lengthOf(0), pacing.slownessOf(0)]).to.deep.equal([
      4, 4e6, 12e6, 7, 9e6,
    ]);
  });

  it("knows when every answer is due at once", () => {
    expect(new Pacing(defaultOptions).isImmediate).to.equal(true);
    expect(new Pacing({ ...defaultOptions, ttftMs: "normal:0,1" }).isImmediate).to.equal(false);
    expect(new Pacing({ ...defaultOptions, itlMs: 1 }).isImmediate).to.equal(false);
  });
});
