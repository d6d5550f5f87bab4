import { expect } from "chai";
import fc from "fast-check";
import { selectRanks, valuesAtRanks } from "../../../../services/records-manager/core/ranks.ts";

describe("values at ranks", () => {
  const count = 50_000;
  const columns: Record<string, (index: number) => number> = {
    "both signs": (index) => ((index * 7919) % count) - count / 2 + 0.25,
    "few different values": (index) => (index * 7919) % 3,
    "one value": () => -7.5,
    "values from the smallest to the largest": (index) => (index % 2 === 0 ? -1 : 1) * 2 ** (((index * 31) % 2090) - 1070),
    "zeros of both signs": (index) => (index % 2 === 0 ? -0 : 0),
    "almost all in one place, and few far away": (index) => (index % 5000 === 0 ? 1e12 + index : 1 + index / 1e9),
  };
  for (const [name, valueAt] of Object.entries(columns)) {
    it(`are those of a sort, of ${name}`, () => {
      const column = Float64Array.from({ length: count }, (_, index) => valueAt(index));
      const before = column.slice();
      const sorted = column.slice().sort();
      const ranks = [0, 1, 2, 499, 500, 12_499, 25_000, 25_001, 49_500, 49_998, 49_999];
      const found = valuesAtRanks(column, ranks);
      for (const rank of ranks) expect((found.get(rank) ?? Number.NaN) + 0, `${rank}`).to.equal((sorted[rank] as number) + 0);
      expect(found.size).to.equal(ranks.length);
      expect(column).to.deep.equal(before);
    });
  }

  it("are those of a sort, of any view of a column", () => {
    const column = Float64Array.from({ length: count }, (_, index) => Math.sin(index));
    const view = column.subarray(1001, count - 7);
    const sorted = view.slice().sort();
    expect(valuesAtRanks(view, [0, 20_000]).get(20_000)).to.equal(sorted[20_000]);
  });

  it("are none where no rank is asked for", () => {
    expect(valuesAtRanks(new Float64Array(count), []).size).to.equal(0);
    expect(valuesAtRanks(new Float64Array(3), []).size).to.equal(0);
  });
});

describe("selecting ranks", () => {
  const orders: Record<string, (length: number) => number[]> = {
    ascending: (length) => Array.from({ length }, (_, index) => index),
    descending: (length) => Array.from({ length }, (_, index) => length - index),
    "all equal": (length) => Array.from({ length }, () => 5),
    "two values": (length) => Array.from({ length }, (_, index) => index % 2),
    "an organ pipe": (length) => Array.from({ length }, (_, index) => Math.min(index, length - index)),
  };
  for (const [name, values] of Object.entries(orders)) {
    it(`puts each rank in its place for ${name}`, () => {
      const column = Float64Array.from(values(20_000));
      const sorted = column.slice().sort();
      const ranks = [0, 1, 199, 200, 9_999, 10_000, 19_998, 19_999];
      selectRanks(column, ranks);
      for (const rank of ranks) expect(column[rank]).to.equal(sorted[rank]);
    });
  }

  it("keeps every value, whatever the order", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 50 }), { minLength: 1, maxLength: 2000 }), fc.nat(), (values, at) => {
        const column = Float64Array.from(values);
        const sorted = column.slice().sort();
        const rank = at % values.length;
        selectRanks(column, [rank]);
        expect(column[rank]).to.equal(sorted[rank]);
        expect([...column].sort((a, b) => a - b)).to.deep.equal([...sorted]);
      }),
      { numRuns: 100 },
    );
  });
});
