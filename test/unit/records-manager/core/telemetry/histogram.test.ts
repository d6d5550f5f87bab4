import { expect } from "chai";
import fc from "fast-check";
import { histogramFigures } from "../../../../../services/records-manager/core/telemetry/histogram.ts";
import { histogramQuantile } from "../../../../../services/records-manager/core/telemetry/quantile.ts";
import { pointsOf, seconds } from "./points.ts";

const endless = Number.POSITIVE_INFINITY;

describe("histogramFigures", () => {
  const parts = {
    buckets: [
      { le: 0.1, points: pointsOf([0, 5], [1, 5], [2, 15]) },
      { le: 1, points: pointsOf([0, 8], [1, 12], [2, 28]) },
      { le: endless, points: pointsOf([0, 8], [1, 12], [2, 28]) },
    ],
    sum: pointsOf([0, 2], [1, 4], [2, 12]),
    count: pointsOf([0, 8], [1, 12], [2, 28]),
  };

  it("takes what was observed within the window alone", () => {
    const figures = histogramFigures(parts, [seconds(0, 2)]);
    expect(figures).to.deep.include({ count: 20, sum: 10, avg: 0.5, countRate: 10, sumRate: 5, resets: 0 });
    expect(figures?.buckets).to.deep.equal([
      { le: 0.1, count: 10 },
      { le: 1, count: 20 },
      { le: endless, count: 20 },
    ]);
    expect(figures?.quantiles?.p75).to.deep.equal({ value: 0.1 + 0.9 * 0.5, error: 0.9 });
  });

  it("counts by the last bucket where there is no count of its own", () => {
    expect(histogramFigures({ ...parts, count: undefined }, [seconds(0, 2)])).to.deep.include({ count: 20, sum: 10 });
  });

  it("has a count of 0 and empty buckets without observations, and no average", () => {
    const still = pointsOf([0, 8], [2, 8]);
    const figures = histogramFigures({ buckets: [{ le: endless, points: still }], sum: still, count: still }, [seconds(0, 2)]);
    expect(figures).to.deep.include({ count: 0, avg: undefined, quantiles: undefined });
    expect(figures?.buckets).to.deep.equal([{ le: endless, count: 0 }]);
  });

  it("says nothing of buckets and quantiles once it was set back, and leaves that step out of the sums", () => {
    const reset = {
      buckets: [{ le: endless, points: pointsOf([0, 50], [1, 60], [2, 4], [3, 10]) }],
      sum: pointsOf([0, 5], [1, 6], [2, 7], [3, 8]),
      count: pointsOf([0, 50], [1, 60], [2, 4], [3, 10]),
    };
    const figures = histogramFigures(reset, [seconds(0, 3)]);
    expect(figures).to.deep.include({ count: 16, sum: 2, resets: 1, unknownNs: 1e9, buckets: undefined, quantiles: undefined });
  });

  it("sees a reset by a bucket alone", () => {
    const reset = {
      buckets: [
        { le: 1, points: pointsOf([0, 9], [1, 2]) },
        { le: endless, points: pointsOf([0, 9], [1, 12]) },
      ],
      sum: undefined,
      count: pointsOf([0, 9], [1, 12]),
    };
    expect(histogramFigures(reset, [seconds(0, 1)])).to.deep.include({ count: 0, resets: 1 });
  });

  it("leaves the steps out in which a part of it was absent, and says nothing of buckets then", () => {
    const count = pointsOf([0, 10], [1, 20], [2, 30], [3, 40], [4, 50]);
    const sum = pointsOf([0, 1], [1, 2], [2, 3], [3, 4], [4, 5]);
    const bucket = pointsOf([0, 10], [1, "absent"], [2, "absent"], [3, 40], [4, 50]);
    const cut = { count: 10, sum: 1, resets: 3, coveredNs: 1e9, unknownNs: 3e9, buckets: undefined, quantiles: undefined };
    const whole = [{ le: endless, points: count }];
    expect(histogramFigures({ buckets: [{ le: endless, points: bucket }], sum, count }, [seconds(0, 4)])).to.deep.include(cut);
    expect(histogramFigures({ buckets: whole, sum: bucket, count }, [seconds(0, 4)])).to.deep.include({ ...cut, sum: 10 });
    const { count: counted, resets, coveredNs } = histogramFigures({ buckets: [], sum, count: bucket }, [seconds(0, 4)]) ?? {};
    expect([counted, resets, coveredNs]).to.deep.equal([10, 1, 1e9]);
  });

  it("has what a page prints later from then on, and lacks nothing before", () => {
    const count = pointsOf([0, 0], [1, 0], [2, 4], [3, 6]);
    const late = pointsOf([0, "absent"], [1, 0], [2, 4], [3, 6]);
    const figures = histogramFigures({ buckets: [{ le: endless, points: late }], sum: undefined, count }, [seconds(0, 3)]);
    expect(figures).to.deep.include({ count: 6, resets: 0, buckets: [{ le: endless, count: 6 }] });
  });

  it("reads a summary as count and sum", () => {
    const summary = { buckets: [], sum: pointsOf([0, 1], [1, 5]), count: pointsOf([0, 2], [1, 4]) };
    expect(histogramFigures(summary, [seconds(0, 1)])).to.deep.include({ count: 2, sum: 4, avg: 2, buckets: undefined });
  });

  it("says nothing of fewer than two scrapes", () => {
    expect(histogramFigures({ buckets: [], sum: undefined, count: pointsOf([0, 1]) }, [seconds(0, 9)])).to.equal(undefined);
    expect(histogramFigures({ buckets: [], sum: undefined, count: undefined }, [seconds(0, 9)])).to.equal(undefined);
  });
});

describe("histogramQuantile", () => {
  it("gives the largest bound for what lies beyond it, and says that it may be anything above", () => {
    const buckets = [
      { le: 1, count: 1 },
      { le: endless, count: 10 },
    ];
    expect(histogramQuantile(0.5, buckets)).to.deep.equal({ value: 1, error: endless });
  });

  it("does not guess below a first bound that is not above 0", () => {
    const buckets = [
      { le: -5, count: 10 },
      { le: endless, count: 10 },
    ];
    expect(histogramQuantile(0.5, buckets)).to.deep.equal({ value: -5, error: endless });
  });

  it("says nothing without observations, without a last bucket, or with that alone", () => {
    expect(histogramQuantile(0.5, [])).to.equal(undefined);
    expect(histogramQuantile(0.5, [{ le: endless, count: 5 }])).to.equal(undefined);
    const open = [
      { le: 1, count: 3 },
      { le: 2, count: 5 },
    ];
    expect(histogramQuantile(0.5, open)).to.equal(undefined);
    const empty = [
      { le: 1, count: 0 },
      { le: endless, count: 0 },
    ];
    expect(histogramQuantile(0.5, empty)).to.equal(undefined);
  });

  it("is never further off the true quantile than it says, and rises with q", () => {
    const observed = fc.array(fc.double({ min: 0.001, max: 9.99, noNaN: true }), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(observed, (values) => {
        const bounds = [0.5, 1, 2.5, 5, 10];
        const buckets = [...bounds, endless].map((le) => ({ le, count: values.filter((value) => value <= le).length }));
        const ordered = [...values].sort((one, other) => one - other);
        let before = 0;
        for (const q of [0.01, 0.25, 0.5, 0.9, 0.99]) {
          const { value = Number.NaN, error = 0 } = histogramQuantile(q, buckets) ?? {};
          const trueValue = ordered[Math.ceil(q * values.length) - 1] ?? Number.NaN;
          expect(Math.abs(value - trueValue)).to.be.at.most(error + 1e-12);
          expect(value).to.be.at.least(before);
          before = value;
        }
      }),
    );
  });
});
