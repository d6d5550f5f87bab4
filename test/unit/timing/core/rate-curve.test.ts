import { expect } from "chai";
import fc from "fast-check";
import {
  type RateCurve,
  type RateStretch,
  rateCurve,
  rateSeries,
  steady,
  steadyRate,
} from "../../../../services/timing/core/rate-curve.ts";

const SEC = 1e9;

const ramp = (fromPerSec: number, toPerSec: number, shape: RateStretch["shape"] = "linear"): RateStretch => ({
  durationNs: 10 * SEC,
  fromPerSec,
  toPerSec,
  shape,
});

describe("a rate curve", () => {
  it("of one rate expects rate × time, for ever", () => {
    const curve = steadyRate(4);
    expect(curve.expectedBy(2.5 * SEC)).to.equal(10);
    expect(curve.reachedNs(1e9)).to.equal(0.25e9 * SEC);
  });

  it("of a line has the area below it", () => {
    const curve = rateCurve([ramp(0, 20), steady(20)]);
    expect(curve.expectedBy(5 * SEC)).to.be.closeTo(25, 1e-9);
    expect(curve.expectedBy(10 * SEC)).to.be.closeTo(100, 1e-9);
    expect(curve.expectedBy(12 * SEC)).to.be.closeTo(140, 1e-9);
    expect(curve.reachedNs(25)).to.be.closeTo(5 * SEC, 1);
    expect(curve.reachedNs(140)).to.be.closeTo(12 * SEC, 1);
  });

  it("of an exponential grows by the same factor in equal times", () => {
    const curve = rateCurve([ramp(1, 16, "exponential"), steady(16)]);
    const quarters = [0, 1, 2, 3].map((n) => curve.expectedBy((n + 1) * 2.5 * SEC) - curve.expectedBy(n * 2.5 * SEC));
    for (let n = 1; n < 4; n++) expect((quarters[n] ?? 0) / (quarters[n - 1] ?? 1)).to.be.closeTo(2, 1e-9);
    expect(curve.expectedBy(10 * SEC)).to.be.closeTo((10 * 15) / Math.log(16), 1e-9);
  });

  it("of points holds the first rate before them and the last one after, and jumps where two are at one moment", () => {
    const curve = rateSeries([
      { atNs: 2 * SEC, perSec: 10 },
      { atNs: 4 * SEC, perSec: 30 },
      { atNs: 4 * SEC, perSec: 0 },
      { atNs: 6 * SEC, perSec: 0 },
      { atNs: 6 * SEC, perSec: 5 },
    ]);
    expect([2, 4, 6, 8].map((sec) => Math.round(curve.expectedBy(sec * SEC)))).to.deep.equal([20, 60, 60, 70]);
    // What is expected before a pause is due before it.
    expect(curve.reachedNs(60)).to.be.closeTo(4 * SEC, 1);
    expect(curve.reachedNs(60.5)).to.be.closeTo(6.1 * SEC, 1);
  });

  it("says the rate of a moment, of two at a jump the later one", () => {
    const rates = (curve: RateCurve, ...seconds: readonly number[]) => seconds.map((sec) => curve.rateAt(sec * SEC));
    expect(rates(steadyRate(4), 0, 1e6)).to.deep.equal([4, 4]);
    expect(rates(rateCurve([ramp(0, 20), steady(20)]), 0, 5, 10, 11)).to.deep.equal([0, 10, 20, 20]);
    expect(rates(rateCurve([ramp(1, 16, "exponential"), steady(16)]), 0, 5, 10)).to.deep.equal([1, 4, 16]);
    expect(rates(rateCurve([steady(1, SEC), steady(7)]), 0.5, 1)).to.deep.equal([1, 7]);
    expect(rates(steadyRate(4).changedAt(SEC, 9), 0.5, 1, 2)).to.deep.equal([4, 9, 9]);
  });

  it("that ends at nothing is over", () => {
    const curve = rateSeries([
      { atNs: 0, perSec: 10 },
      { atNs: 2 * SEC, perSec: 0 },
    ]);
    expect(curve.reachedNs(10)).to.be.closeTo(2 * SEC, 1000);
    expect(curve.reachedNs(10.1)).to.equal(Number.POSITIVE_INFINITY);
  });

  it("takes another rate from a moment on and is the same before it", () => {
    const curve = rateCurve([ramp(0, 20), steady(20)]);
    const changed = curve.changedAt(5 * SEC, 100);
    expect(changed.expectedBy(4 * SEC)).to.be.closeTo(curve.expectedBy(4 * SEC), 1e-9);
    expect(changed.reachedNs(25 + 50)).to.be.closeTo(5.5 * SEC, 1);
  });

  it("comes back to where it was: time → requests → time", () => {
    const rates = fc.double({ min: 0.01, max: 1e4, noNaN: true });
    const stretches = fc.array(
      fc.record({
        durationNs: fc.double({ min: 1e6, max: 1e11, noNaN: true }),
        fromPerSec: rates,
        toPerSec: rates,
        shape: fc.constantFrom("linear" as const, "exponential" as const),
      }),
      { maxLength: 5 },
    );
    fc.assert(
      fc.property(stretches, rates, fc.double({ min: 0, max: 5e11, noNaN: true }), (some, last, ns) => {
        const curve = rateCurve([...some, steady(last)]);
        expect(curve.reachedNs(curve.expectedBy(ns))).to.be.closeTo(ns, 1 + ns * 1e-6);
      }),
    );
  });
});
