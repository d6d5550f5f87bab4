import { expect } from "chai";
import { randomStream } from "../../../../services/common/random.ts";
import { ESTIMATES, type Estimate, intervalsOf } from "../../../../services/records-manager/core/confidence.ts";

/** Exponential values of mean 10, whose true figures are known. */
function draw(count: number, seed: number): Float64Array {
  const random = randomStream(seed, "values");
  return Float64Array.from({ length: count }, () => 10 * random.exponential());
}

const truth: Readonly<Record<Estimate, number>> = {
  avg: 10,
  p50: 10 * Math.log(2),
  p90: 10 * Math.log(10),
  p95: 10 * Math.log(20),
  p99: 10 * Math.log(100),
};

describe("confidence intervals", () => {
  it("are the same for the same seed, and hold the figure itself", () => {
    const values = draw(400, 1);
    const first = intervalsOf(Float64Array.from(values), randomStream(7));
    expect(intervalsOf(Float64Array.from(values), randomStream(7))).to.deep.equal(first);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(first.avg?.low).to.be.below(mean);
    expect(first.avg?.high).to.be.above(mean);
  });

  it("are none where too few values lie beyond a percentile", () => {
    const known = (count: number) => {
      const found = intervalsOf(draw(count, 2), randomStream(7));
      return ESTIMATES.filter((estimate) => found[estimate] !== undefined);
    };
    expect(known(0)).to.deep.equal([]);
    expect(known(1)).to.deep.equal([]);
    expect(known(10)).to.deep.equal(["avg"]);
    expect(known(20)).to.deep.equal(["avg", "p50"]);
    expect(known(999)).to.deep.equal(["avg", "p50", "p90", "p95"]);
    expect(known(1000)).to.deep.equal([...ESTIMATES]);
  });

  it("hold the truth in about 95 of 100 runs", () => {
    const runs = 100;
    const held = new Map<Estimate, number>();
    for (let seed = 0; seed < runs; seed++) {
      const found = intervalsOf(draw(300, seed), randomStream(seed, "resample"));
      for (const estimate of ["avg", "p50", "p90"] as const) {
        const { low = 0, high = 0 } = found[estimate] ?? {};
        if (low <= truth[estimate] && truth[estimate] <= high) held.set(estimate, (held.get(estimate) ?? 0) + 1);
      }
    }
    for (const [estimate, count] of held) expect(count, estimate).to.be.within(86, 100);
    expect(held.size).to.equal(3);
  }).timeout(20_000);

  it("of many values are those that resamples come to", () => {
    const values = draw(5_000, 3);
    const resampled = intervalsOf(Float64Array.from(values), randomStream(7));
    const limit = intervalsOf(Float64Array.from([...values, 10]), randomStream(7));
    for (const estimate of ESTIMATES) {
      const [one, other] = [resampled[estimate], limit[estimate]];
      const width = (one?.high ?? 0) - (one?.low ?? 0);
      expect(Math.abs((one?.low ?? 0) - (other?.low ?? 9)), estimate).to.be.below(0.2 * width);
      expect(Math.abs((one?.high ?? 0) - (other?.high ?? 9)), estimate).to.be.below(0.2 * width);
    }
  });
});
