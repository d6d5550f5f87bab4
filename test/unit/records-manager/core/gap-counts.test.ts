import { expect } from "chai";
import fc from "fast-check";
import { encodeStamps } from "../../../../services/common/chunk-stamps.ts";
import { addPackedGaps, GapBytes, GapCounter } from "../../../../services/records-manager/core/gap-counts.ts";
import { GapDistribution } from "../../../../services/records-manager/core/gap-distribution.ts";
import { forEachGap } from "../../../../services/records-manager/core/stamps.ts";

describe("packed counts of gaps", () => {
  it("say the same as the gaps themselves, chunk after chunk", () => {
    const gap = fc.oneof(fc.nat(300), fc.integer({ min: 1_000_000, max: 5_000_000_000 }));
    const answer = fc.array(gap, { minLength: 1, maxLength: 40 });
    const counter = new GapCounter();
    fc.assert(
      fc.property(fc.array(fc.array(answer, { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 3 }), (chunks) => {
        const one = new GapDistribution();
        const other = new GapDistribution();
        for (const answers of chunks) {
          const bytes = new GapBytes();
          for (const gapsUs of answers) {
            const sums = gapsUs.map((_, index) => gapsUs.slice(0, index + 1).reduce((sum, gapUs) => sum + gapUs, 0));
            const stamps = encodeStamps(Float64Array.from(sums, (us) => us * 1000));
            bytes.add(stamps);
            forEachGap(stamps, (gapUs) => one.add(gapUs));
          }
          addPackedGaps(other, counter.packed(bytes.bytes()));
        }
        expect(other.statistics()).to.deep.equal(one.statistics());
      }),
    );
  });
});
