import { expect } from "chai";
import fc from "fast-check";
import { encodeStamps } from "../../../../services/common/chunk-stamps.ts";
import { GapDistribution } from "../../../../services/records-manager/core/gap-distribution.ts";
import { forEachGap, stampEnds } from "../../../../services/records-manager/core/stamps.ts";
import { type Statistics, statisticsOf } from "../../../../services/records-manager/core/statistics.ts";

describe("the distribution of gaps", () => {
  it("has no statistics while it is empty", () => {
    expect(new GapDistribution().statistics()).to.equal(undefined);
  });

  it("is exactly that of the gaps in ms, those of a second and more included", () => {
    const gap = fc.oneof(fc.nat(2000), fc.integer({ min: 1_000_000, max: 5_000_000_000 }));
    fc.assert(
      fc.property(fc.array(gap, { minLength: 1, maxLength: 200 }), (gapsUs) => {
        const distribution = new GapDistribution();
        for (const gapUs of gapsUs) distribution.add(gapUs);
        const actual = distribution.statistics();
        const expected = statisticsOf(Float64Array.from(gapsUs, (gapUs) => gapUs / 1000));
        if (actual === undefined || expected === undefined) throw new Error("no statistics");
        for (const key of Object.keys(expected) as (keyof Statistics)[]) {
          expect(actual[key], key).to.be.closeTo(expected[key], 1e-9 * (1 + expected.max));
        }
      }),
      { numRuns: 20 },
    );
  });
});

describe("packed stamps", () => {
  const packed = encodeStamps(Float64Array.of(10e6, 10e6, 25e6, 4_000_025e6));

  it("tell the first and the last without being unpacked", () => {
    expect(stampEnds(packed)).to.deep.equal({ firstNs: 10e6, lastNs: 4_000_025e6 });
    expect(stampEnds(new Uint8Array())).to.equal(undefined);
  });

  it("are refused when they end inside a stamp", () => {
    expect(() => stampEnds(packed.subarray(0, -1))).to.throw(/stamps end inside a varint/);
    expect(() => forEachGap(packed.subarray(0, -1), () => {})).to.throw(/varint/);
  });

  it("give one gap fewer than there are stamps", () => {
    const gapsUs: number[] = [];
    forEachGap(packed, (gapUs) => gapsUs.push(gapUs));
    expect(gapsUs).to.deep.equal([0, 15_000, 4_000_000_000]);
    forEachGap(new Uint8Array(), () => expect.fail("a gap of nothing"));
  });
});
