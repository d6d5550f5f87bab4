import { expect } from "chai";
import { randomStream } from "../../../../services/common/random.ts";
import { dispersionOf, neighbourCorrelation } from "../../../../services/records-manager/core/evenness.ts";

/** Moments whose gaps are drawn. */
function momentsOf(count: number, gap: (index: number) => number): Float64Array {
  let now = 1e15;
  return Float64Array.from({ length: count }, (_, index) => {
    now += gap(index);
    return now;
  });
}

function gridOf(moments: Float64Array, binNs: number) {
  const originNs = moments[0] as number;
  return { originNs, binNs, bins: Math.floor(((moments.at(-1) as number) - originNs) / binNs) };
}

describe("the evenness of moments", () => {
  const random = randomStream(7, "evenness", 0);
  const exponential = (mean: number) => -Math.log(1 - random.next()) * mean;

  it("is 0 for a clock, 1 for chance, and 1/smoothness for gamma", () => {
    const clock = momentsOf(10_000, () => 1e6);
    expect(dispersionOf(clock, { ...gridOf(clock, 10e6), originNs: (clock[0] as number) - 0.5e6 })).to.equal(0);
    const poisson = momentsOf(20_000, () => exponential(1e6));
    expect(dispersionOf(poisson, gridOf(poisson, 10e6))).to.be.closeTo(1, 0.1);
    // Four exponential gaps in one: smoothness 4.
    const even = momentsOf(20_000, () => [0, 0, 0, 0].reduce((sum) => sum + exponential(0.25e6), 0));
    expect(dispersionOf(even, gridOf(even, 10e6))).to.be.closeTo(0.25, 0.05);
  });

  it("leaves out what lies outside the bins", () => {
    expect(dispersionOf(Float64Array.of(-5, 0, 1, 2, 3, 99), { originNs: 0, binNs: 2, bins: 2 })).to.equal(0);
  });

  it("finds no correlation of gaps in chance, one in alternation, none in a clock", () => {
    expect(neighbourCorrelation(momentsOf(20_000, () => exponential(1e6)))).to.be.closeTo(0, 0.03);
    expect(neighbourCorrelation(momentsOf(1000, (index) => (index % 2 === 0 ? 1e6 : 3e6)))).to.be.closeTo(-1, 0.01);
    expect(neighbourCorrelation(momentsOf(1000, () => 1e6))).to.equal(0);
    expect(neighbourCorrelation(Float64Array.of(1, 2))).to.equal(0);
  });
});
