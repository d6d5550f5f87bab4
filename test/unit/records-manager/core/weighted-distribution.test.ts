import { expect } from "chai";
import { PERCENTILES } from "../../../../services/common/percentiles.ts";
import { WeightedDistribution } from "../../../../services/records-manager/core/weighted-distribution.ts";

describe("a distribution weighted by time", () => {
  it("has no statistics of no time", () => {
    expect(new WeightedDistribution().statistics()).to.equal(undefined);
  });

  it("has the value that is not passed for a share of the time", () => {
    const distribution = new WeightedDistribution();
    for (const [value, seconds] of [
      [4, 1],
      [1, 8],
      [2, 0.5],
      [4, 0.5],
    ] as const) {
      distribution.add(value, seconds);
    }
    expect(distribution.statistics()).to.deep.include({ count: 4, min: 1, max: 4, avg: 1.5, sum: 15, p75: 1, p90: 4, p99: 4 });
    expect(distribution.statistics()?.std).to.be.closeTo(Math.sqrt((8 * 0.25 + 0.5 * 0.25 + 1.5 * 6.25) / 10), 1e-12);
  });

  it("has the deviation of levels that hardly differ, and of those with idle time beside them", () => {
    const level = new WeightedDistribution();
    for (let index = 0; index < 1000; index++) level.add(1e9 + (index % 2), 0.25);
    expect(level.statistics()?.std).to.be.closeTo(0.5, 1e-9);
    level.add(0, 250);
    expect((level.statistics()?.std ?? 0) / (1e9 / 2)).to.be.closeTo(1, 1e-8);
    expect(level.statistics({ seconds: 250, pieces: 1 })?.std).to.be.closeTo(0.5, 1e-9);
  });

  it("tells many values apart to one part in 1024, and means and extremes exactly", () => {
    const distribution = new WeightedDistribution();
    const count = 200_000;
    for (let index = 0; index < count; index++) distribution.add(index / 7, 0.001);
    const statistics = distribution.statistics();
    expect(statistics?.avg).to.be.closeTo((count - 1) / 14, 1e-6);
    expect(statistics).to.include({ min: 0, max: (count - 1) / 7 });
    for (const percentile of PERCENTILES) {
      const exact = ((count * percentile) / 100 - 1) / 7;
      expect(Math.abs((statistics?.[`p${percentile}`] ?? 0) / exact - 1), `p${percentile}`).to.be.below(1 / 1024);
    }
  });
});
