import { expect } from "chai";
import { gaugeStatistics } from "../../../../../services/records-manager/core/telemetry/gauge.ts";
import { pointsOf, seconds } from "./points.ts";

describe("gaugeStatistics", () => {
  it("takes what was scraped within the windows alone", () => {
    const points = pointsOf([0, 1000], [1, 1], [2, 3], [3, 1000], [4, 5], [5, 1000]);
    const statistics = gaugeStatistics(points, [seconds(1, 2), seconds(4, 4.5)]);
    expect(statistics).to.deep.include({ count: 3, avg: 3, min: 1, max: 5 });
    expect(statistics?.std).to.be.closeTo(2, 1e-12);
  });

  it("has all statistics of a constant", () => {
    expect(gaugeStatistics(pointsOf([0, 7], [1, 7]), [seconds(0, 1)])).to.deep.include({
      avg: 7,
      min: 7,
      max: 7,
      std: 0,
      p99: 7,
    });
  });

  it("passes over what is no number", () => {
    const points = pointsOf([0, Number.NaN], [1, 4], [2, Number.POSITIVE_INFINITY]);
    expect(gaugeStatistics(points, [seconds(0, 2)])).to.deep.include({ count: 1, avg: 4, std: 0 });
  });

  it("says nothing where nothing was scraped", () => {
    expect(gaugeStatistics(pointsOf([9, 1]), [seconds(0, 2)])).to.equal(undefined);
  });
});
