import { expect } from "chai";
import { selectedPercentiles, statisticsOf } from "../../../../services/records-manager/core/statistics.ts";
import oracle from "../../../fixtures/numpy/statistics.json" with { type: "json" };

/** Room for the last digits of sums that are added up in another order. */
function expectNear(actual: number | undefined, expected: number, what: string): void {
  expect(actual, what).to.be.closeTo(expected, Math.max(1e-12, Math.abs(expected) * 1e-12));
}

/** `test/fixtures/numpy/statistics.py` wrote the table. */
describe(`statistics beside those of numpy ${oracle.numpy}`, () => {
  for (const { name, values, numpy } of oracle.columns) {
    it(`are the same for: ${name}`, () => {
      const statistics = statisticsOf(Float64Array.from(values));
      expect(statistics?.count).to.equal(numpy.count);
      for (const key of ["avg", "min", "max", "sum"] as const) expectNear(statistics?.[key], numpy[key], key);
      // What numpy itself loses to cancellation, where values are large and close to each other.
      expect(statistics?.std).to.be.closeTo(numpy.std, Math.max(1e-9, numpy.std * 1e-9));
      const percentiles = Object.entries(numpy.percentiles);
      const selected = selectedPercentiles(
        Float64Array.from(values),
        percentiles.map(([percentile]) => Number(percentile)),
      );
      for (const [percentile, expected] of percentiles) expectNear(selected.get(Number(percentile)), expected, `p${percentile}`);
      for (const [key, value] of Object.entries(statistics ?? {})) {
        const expected = percentiles.find(([percentile]) => `p${percentile}` === key)?.[1];
        if (expected !== undefined) expectNear(value, expected, key);
      }
    });
  }
});
