import { expect } from "chai";
import { nextLevelNs, type Ramp, rampLevel, rampStretches } from "../../../../services/timing/core/ramp.ts";
import { rateCurve, steady } from "../../../../services/timing/core/rate-curve.ts";

const SEC = 1e9;

const ramp = (from: number, to: number, shape: Ramp["shape"] = "linear", steps = 0): Ramp => ({
  from,
  to,
  durationNs: 10 * SEC,
  shape,
  steps,
});

/** `[seconds, level]` from the start on, at every moment at which it is asked to look again. */
function levelsOf(of: Ramp): [number, number][] {
  const levels: [number, number][] = [];
  for (let ns = 0; ns !== Number.POSITIVE_INFINITY && levels.length < 50; ns = nextLevelNs(of, ns)) {
    levels.push([Math.round(ns / 1e6) / 1000, rampLevel(of, ns)]);
  }
  return levels;
}

describe("a ramp of a limit", () => {
  it("rises by 1 in equal times and is there at the end", () => {
    expect(levelsOf(ramp(1, 5))).to.deep.equal([
      [0, 1],
      [2.5, 2],
      [5, 3],
      [7.5, 4],
      [10, 5],
    ]);
  });

  it("falls as it rises, mirrored", () => {
    expect(levelsOf(ramp(5, 1)).map(([, level]) => level)).to.deep.equal([5, 4, 3, 2, 1]);
    expect(rampLevel(ramp(5, 1), 2.4 * SEC)).to.equal(5);
  });

  it("of exponential shape doubles in equal times", () => {
    const levels = new Map(levelsOf(ramp(1, 16, "exponential")).map(([sec, level]) => [level, sec]));
    expect([levels.get(2), levels.get(4), levels.get(8), levels.get(16)]).to.deep.equal([2.5, 5, 7.5, 10]);
  });

  it("in steps jumps equally often, the last time at the end", () => {
    expect(levelsOf(ramp(10, 40, "step", 3)).map(([sec, level]) => [Math.round(sec), level])).to.deep.equal([
      [0, 10],
      [3, 20],
      [7, 30],
      [10, 40],
    ]);
  });

  it("to where it begins never changes, and neither does one that is over", () => {
    expect(levelsOf(ramp(4, 4))).to.deep.equal([[0, 4]]);
    expect([rampLevel(ramp(1, 5), 11 * SEC), nextLevelNs(ramp(1, 5), 11 * SEC)]).to.deep.equal([5, Number.POSITIVE_INFINITY]);
  });
});

describe("a ramp of a rate", () => {
  const expectedBy = (of: Ramp, sec: number) => rateCurve([...rampStretches(of), steady(of.to)]).expectedBy(sec * SEC);

  it("has the area of its shape", () => {
    expect(expectedBy(ramp(0, 20), 10)).to.be.closeTo(100, 1e-9);
    expect(expectedBy(ramp(1, 16, "exponential"), 10)).to.be.closeTo(150 / Math.log(16), 1e-9);
    expect(expectedBy(ramp(10, 40, "step", 3), 10)).to.be.closeTo(200, 1e-9);
    expect(expectedBy(ramp(10, 40, "step", 3), 11)).to.be.closeTo(240, 1e-9);
  });
});
