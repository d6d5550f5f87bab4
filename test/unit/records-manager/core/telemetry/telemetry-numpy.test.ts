import { expect } from "chai";
import { counterFigures } from "../../../../../services/records-manager/core/telemetry/counter.ts";
import { gaugeStatistics } from "../../../../../services/records-manager/core/telemetry/gauge.ts";
import { histogramQuantile } from "../../../../../services/records-manager/core/telemetry/quantile.ts";
import oracle from "../../../../fixtures/numpy/telemetry.json" with { type: "json" };
import { pointsOf } from "./points.ts";

const always = [{ startNs: 0, endNs: 1e15 }];

function expectNear(actual: number | undefined, expected: number, what: string): void {
  expect(actual, what).to.be.closeTo(expected, Math.max(1e-9, Math.abs(expected) * 1e-9));
}

/** `test/fixtures/numpy/telemetry.py` wrote the table. */
describe(`figures of samples beside those of numpy ${oracle.numpy}`, () => {
  for (const { name, values, numpy } of oracle.gauges) {
    it(`are the same for the gauge: ${name}`, () => {
      const points = pointsOf(...values.map((value, at) => [at, value] as const));
      const statistics = gaugeStatistics(points, always);
      const { percentiles, ...others } = numpy;
      for (const [key, expected] of Object.entries({ ...others, ...percentiles })) {
        expectNear(statistics?.[key as "avg"], expected, key);
      }
    });
  }

  for (const { name, ns, values, numpy } of oracle.counters) {
    it(`are the same for the counter: ${name}`, () => {
      const figures = counterFigures(
        { ns: Float64Array.from(ns), values: Float64Array.from(values), absentNs: Float64Array.of() },
        always,
      );
      for (const [key, expected] of Object.entries(numpy)) expectNear(figures?.[key as "total"], expected, key);
    });
  }

  for (const { name, bounds, numpy } of oracle.histograms) {
    it(`are the same for the histogram, and no further off the true quantile than they say: ${name}`, () => {
      const buckets = numpy.counts.map((count, at) => ({ le: bounds[at] ?? Number.POSITIVE_INFINITY, count }));
      for (const [key, expected] of Object.entries(numpy.quantiles)) {
        const quantile = histogramQuantile(Number(key.slice(1)) / 100, buckets);
        expectNear(quantile?.value, expected, key);
        const trueValue = numpy.true[key as "p50"];
        expect(Math.abs((quantile?.value ?? Number.NaN) - trueValue), key).to.be.at.most(quantile?.error ?? 0);
      }
    });
  }
});
