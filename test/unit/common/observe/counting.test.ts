import { expect } from "chai";
import fc from "fast-check";
import { Histogram, PhaseHistograms, RunTotals } from "../../../../services/common/observe/counting.ts";

describe("a histogram", () => {
  it("counts each value in the first bucket whose bound it does not exceed", () => {
    const histogram = new Histogram([0, 1, 10]);
    for (const value of [-1, 0, 0.5, 1, 1.5, 10, 11, Number.POSITIVE_INFINITY]) histogram.observe(value);
    expect(histogram.distribution.counts).to.deep.equal([2, 2, 2, 2]);
    expect(histogram.distribution.count).to.equal(8);
  });

  it("leaves out what is no number", () => {
    const histogram = new Histogram([1]);
    histogram.observe(Number.NaN);
    expect(histogram.distribution).to.deep.equal({ bounds: [1], counts: [0, 0], sum: 0, count: 0 });
  });

  it("gives a copy, which does not move", () => {
    const histogram = new Histogram([1]);
    const { distribution } = histogram;
    histogram.observe(0);
    expect(distribution.counts).to.deep.equal([0, 0]);
  });

  it("has as many values below each bound as there were, and their sum", () => {
    const values = fc.array(fc.integer({ min: -5, max: 50 }));
    const bounds = fc.uniqueArray(fc.integer({ min: -5, max: 50 })).map((list) => list.sort((a, b) => a - b));
    fc.assert(
      fc.property(values, bounds, (observed, edges) => {
        const histogram = new Histogram(edges);
        for (const value of observed) histogram.observe(value);
        const { counts, sum, count } = histogram.distribution;
        expect(count).to.equal(observed.length);
        expect(sum).to.equal(observed.reduce((total, value) => total + value, 0));
        let below = 0;
        for (const [index, edge] of edges.entries()) {
          below += counts[index]!;
          expect(below).to.equal(observed.filter((value) => value <= edge).length);
        }
      }),
    );
  });

  it("of phases keeps their kinds apart", () => {
    const histograms = new PhaseHistograms([1]);
    histograms.observe("warmup", 0);
    expect(histograms.points.map(({ labels, value }) => [labels.phase, value.count])).to.deep.equal([
      ["warmup", 1],
      ["profiling", 0],
    ]);
  });
});

describe("totals over runs", () => {
  it("go on where the runs before have ended", () => {
    const totals = new RunTotals(["sent", "lost"]);
    expect(totals.with([])).to.deep.equal({ sent: 0, lost: 0 });
    totals.ended({ sent: 5, lost: 1 });
    totals.ended({ sent: 2, lost: 0 });
    expect(totals.with([{ sent: 1, lost: 1 }])).to.deep.equal({ sent: 8, lost: 2 });
    expect(totals.with([])).to.deep.equal({ sent: 7, lost: 1 });
  });
});
