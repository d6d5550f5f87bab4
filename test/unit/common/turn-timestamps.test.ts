import { expect } from "chai";
import fc from "fast-check";
import { maxTimestampMs, TimestampPacker, unpackTimestampsUs } from "../../../services/common/turn-timestamps.ts";

function packed(timestampsMs: readonly number[]): Uint8Array {
  const packer = new TimestampPacker();
  for (const timestampMs of timestampsMs) packer.add(timestampMs);
  return packer.packed();
}

describe("packed moments of turns", () => {
  it("come back to the microsecond, forward and backward in time, however many, and none where there was none", () => {
    const at = fc.oneof(fc.constant(Number.NaN), fc.nat(5000), fc.integer({ min: 0, max: maxTimestampMs * 1e3 }));
    fc.assert(
      fc.property(fc.array(at, { minLength: 1, maxLength: 400 }), (timesUs) => {
        fc.pre(timesUs.some((timeUs) => !Number.isNaN(timeUs)));
        expect([...unpackTimestampsUs(packed(timesUs.map((timeUs) => timeUs / 1e3)), timesUs.length)]).to.deep.equal(timesUs);
      }),
    );
  });

  it("are nothing at all where no turn has any", () => expect(packed([Number.NaN, Number.NaN])).to.have.lengthOf(0));

  it("take four bytes for gaps of seconds, also where they count from 1970", () => {
    const from = 1_700_000_000_000;
    expect(packed(Array.from({ length: 1000 }, (_, turn) => from + 20_000 * turn)).length).to.be.at.most(4010);
  });

  it("are refused where they do not belong to so many turns", () => {
    expect(() => unpackTimestampsUs(packed([1, 2, 3]), 2)).to.throw("more timestamps than the 2 turns");
    expect(() => unpackTimestampsUs(packed([1, 2, 3]), 4)).to.throw("varint ends");
  });
});
