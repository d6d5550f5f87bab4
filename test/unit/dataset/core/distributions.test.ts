import { expect } from "chai";
import { randomStream } from "../../../../services/common/random.ts";
import { type Distribution, drawLength, drawLengths, meanOf, pick } from "../../../../services/dataset/core/distributions.ts";

function drawn(distribution: Distribution, least = 1, count = 20_000): number[] {
  const random = randomStream(3, "test");
  return Array.from({ length: count }, () => drawLength(distribution, least, random));
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const median = (values: readonly number[]): number =>
  [...values].sort((one, other) => one - other)[values.length >> 1] ?? Number.NaN;
const none = { mean: 0, stddev: 0 };

describe("a distribution of lengths", () => {
  it("is always its mean where it has no deviation", () => {
    expect(new Set(drawn({ mean: 7.4, stddev: 0 }, 1, 10))).to.deep.equal(new Set([7]));
    expect(drawLengths({ mean: 0.2, stddev: 0 }, 1, 1, "x", 0)()).to.equal(1);
  });

  it("has the mean and the deviation of a normal one", () => {
    const values = drawn({ mean: 500, stddev: 40 });
    expect(mean(values)).to.be.closeTo(500, 2);
    expect(Math.sqrt(mean(values.map((value) => (value - 500) ** 2)))).to.be.closeTo(40, 2);
  });

  it("is drawn again where a normal one falls beyond its bounds: nothing gathers there", () => {
    const values = drawn({ mean: 100, stddev: 50, min: 90, max: 130 });
    expect(Math.min(...values)).to.equal(90);
    expect(Math.max(...values)).to.equal(130);
    const share = values.filter((value) => value === 90).length / values.length;
    expect(share).to.be.within(0.015, 0.04);
  });

  it("ends where hardly any value falls between its bounds", () => {
    expect(new Set(drawn({ mean: 100, stddev: 1, min: 9000, max: 9000 }, 1, 5))).to.deep.equal(new Set([9000]));
  });

  it("has the mean and the median of a log-normal one", () => {
    const values = drawn({ mean: 600, stddev: 0, kind: "lognormal", median: 400 });
    expect(mean(values)).to.be.closeTo(600, 20);
    expect(median(values)).to.be.closeTo(400, 10);
  });

  it("has each value of a uniform one about as often, both ends included", () => {
    const values = drawn({ ...none, kind: "uniform", min: 3, max: 6 });
    for (const value of [3, 4, 5, 6]) expect(values.filter((one) => one === value).length).to.be.closeTo(5000, 250);
    expect(new Set(values).size).to.equal(4);
  });

  it("has the peaks of a multimodal one by their weights", () => {
    const peaks = [
      { mean: 100, stddev: 5, weight: 3 },
      { mean: 1000, stddev: 0, weight: 1 },
    ];
    const values = drawn({ ...none, kind: "multimodal", peaks });
    expect(values.filter((value) => value === 1000).length / values.length).to.be.closeTo(0.25, 0.02);
    expect(mean(values.filter((value) => value < 500))).to.be.closeTo(100, 1);
    expect(meanOf({ ...none, kind: "multimodal", peaks })).to.equal(325);
  });

  it("has the points of an empirical one by their weights, within its bounds", () => {
    const points = [
      { value: 10, weight: 1 },
      { value: 50, weight: 9 },
    ];
    const values = drawn({ ...none, kind: "empirical", points, min: 20 });
    expect(values.filter((value) => value === 20).length / values.length).to.be.closeTo(0.1, 0.01);
    expect(new Set(values)).to.deep.equal(new Set([20, 50]));
    expect(meanOf({ ...none, kind: "empirical", points })).to.equal(46);
  });

  it("says the mean of the others", () => {
    expect(meanOf({ mean: 5, stddev: 1 })).to.equal(5);
    expect(meanOf({ ...none, kind: "uniform", min: 2, max: 5 })).to.equal(3.5);
  });

  it("picks nothing out of nothing", () => {
    expect(pick([], randomStream(1))).to.equal(undefined);
  });
});
