import { expect } from "chai";
import fc from "fast-check";
import { PERCENTILES } from "../../../../services/common/percentiles.ts";
import {
  loweredStatistics,
  type PercentileKey,
  statisticsOf,
  statisticsWithEndless,
} from "../../../../services/records-manager/core/statistics.ts";

/** numpy.percentile(method="linear") and friends, the slow and obvious way. */
function naive(values: readonly number[]) {
  const sorted = [...values].sort((a, b) => a - b);
  const count = sorted.length;
  const sum = sorted.reduce((total, value) => total + value, 0);
  const avg = sum / count;
  const std = Math.sqrt(sorted.reduce((total, value) => total + (value - avg) ** 2, 0) / count);
  const at = (percentile: number) => {
    const position = ((count - 1) * percentile) / 100;
    const low = sorted[Math.floor(position)] as number;
    const high = sorted[Math.ceil(position)] as number;
    return low + (high - low) * (position - Math.floor(position));
  };
  return { count, sum, avg, std, min: sorted[0] as number, max: sorted[count - 1] as number, at };
}

const millis = fc.double({ min: 0, max: 1e7, noNaN: true });

describe("statistics of a column", () => {
  it("are undefined for no values", () => {
    expect(statisticsOf(new Float64Array())).to.equal(undefined);
  });

  it("of one value are that value, with no deviation", () => {
    const statistics = statisticsOf(Float64Array.of(7));
    expect(statistics).to.include({ count: 1, avg: 7, min: 7, max: 7, sum: 7, std: 0, p1: 7, p50: 7, p99: 7 });
  });

  it("with endless values have percentiles up to where these begin", () => {
    const statistics = statisticsWithEndless(Float64Array.of(40, 10, 30, 20), 1);
    expect(statistics).to.include({ count: 5, min: 10, p25: 20, p50: 30, p75: 40 });
    const never = Number.POSITIVE_INFINITY;
    expect(statistics).to.include({ avg: never, max: never, sum: never, std: never, p90: never, p99: never });
    expect(statisticsWithEndless(Float64Array.of(1, 2), 0)).to.deep.equal(statisticsOf(Float64Array.of(1, 2)));
    expect(statisticsWithEndless(new Float64Array(), 3)).to.equal(undefined);
  });

  it("lowered by an amount are none below 0, and as wide as before", () => {
    const statistics = statisticsOf(Float64Array.of(1, 5, 9));
    const lowered = statistics && loweredStatistics(statistics, 2);
    expect(lowered).to.include({ count: 3, min: 0, avg: 3, p50: 3, max: 7, sum: 9, std: statistics?.std });
  });

  it("interpolate percentiles linearly, as numpy does", () => {
    const statistics = statisticsOf(Float64Array.of(40, 10, 30, 20));
    expect(statistics?.p25).to.equal(17.5);
    expect(statistics?.p50).to.equal(25);
    expect(statistics?.p90).to.be.closeTo(37, 1e-12);
    expect(statistics?.p99).to.be.closeTo(39.7, 1e-12);
    expect(statistics?.std).to.be.closeTo(Math.sqrt(125), 1e-12);
  });

  it("sum without losing small values beside large ones", () => {
    const values = new Float64Array(10_001).fill(1e-3);
    values[0] = 1e13;
    expect(statisticsOf(values)?.sum).to.equal(1e13 + 10);
  });

  it("agree with sorting, for any values", () => {
    fc.assert(
      fc.property(fc.array(millis, { minLength: 1, maxLength: 3000 }), (values) => {
        const expected = naive(values);
        const actual = statisticsOf(Float64Array.from(values));
        if (actual === undefined) throw new Error("no statistics");
        for (const key of ["count", "min", "max"] as const) expect(actual[key]).to.equal(expected[key]);
        for (const key of ["sum", "avg", "std"] as const) {
          expect(actual[key]).to.be.closeTo(expected[key], 1e-9 * (1 + Math.abs(expected.sum)));
        }
        for (const percentile of PERCENTILES) {
          const key: PercentileKey = `p${percentile}`;
          expect(actual[key]).to.be.closeTo(expected.at(percentile), 1e-6);
        }
      }),
      { numRuns: 100 },
    );
  });
});
