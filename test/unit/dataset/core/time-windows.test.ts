import { expect } from "chai";
import { countWithin, rangeOf } from "../../../../services/dataset/core/time-windows.ts";

describe("the windows of a dataset's time", () => {
  const moments = Float64Array.of(30, 10, 20.0004, 10);
  const cases: readonly (readonly [startMs: number | undefined, endMs: number | undefined, ...counted: unknown[]])[] = [
    [undefined, undefined, 4, undefined, undefined],
    [10, 30, 4, undefined, undefined],
    [11, undefined, 2, 10, undefined],
    [undefined, 29, 3, undefined, 30],
    [11, 20, 1, 10, 30],
    [11, 19, 0, 10, 20.0004],
    [31, undefined, 0, 30, undefined],
  ];
  for (const [startMs, endMs, sessions, beforeMs, afterMs] of cases) {
    it(`from ${startMs} to ${endMs} have ${sessions} sessions, and know the nearest on both sides`, () => {
      expect(countWithin(moments, { startMs, endMs })).to.deep.equal({ sessions, beforeMs, afterMs });
    });
  }

  it("lie between the least and the greatest moment", () => {
    expect(rangeOf(moments)).to.deep.equal({ firstMs: 10, lastMs: 30 });
    expect(rangeOf(new Float64Array(0))).to.deep.equal({ firstMs: 0, lastMs: 0 });
  });
});
