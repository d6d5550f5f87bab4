import { expect } from "chai";
import fc from "fast-check";
import { DelayPacker, unpackDelaysNs } from "../../../services/common/turn-delays.ts";

function packed(delaysMs: readonly number[]): Uint8Array {
  const packer = new DelayPacker();
  for (const delayMs of delaysMs) packer.add(delayMs);
  return packer.packed();
}

describe("packed pauses between turns", () => {
  it("come back to the microsecond, however many", () => {
    const delays = fc.array(fc.oneof(fc.nat(3), fc.nat(1_000_000), fc.nat(604_800_000)), { minLength: 1, maxLength: 500 });
    fc.assert(
      fc.property(delays, (delaysUs) => {
        fc.pre(delaysUs.some((delayUs) => delayUs > 0));
        const back = unpackDelaysNs(packed(delaysUs.map((delayUs) => delayUs / 1e3)), delaysUs.length);
        expect([...back]).to.deep.equal(delaysUs.map((delayUs) => delayUs * 1e3));
      }),
    );
  });

  it("are nothing at all where no turn waits", () => {
    expect(packed([0, 0, 0.0001])).to.have.lengthOf(0);
  });

  it("take four bytes for think times of seconds, so that a million of them fit into a message", () => {
    expect(packed(Array.from({ length: 1000 }, () => 30_000))).to.have.lengthOf(4000);
  });

  it("are refused where they do not belong to so many turns", () => {
    expect(() => unpackDelaysNs(packed([1, 2, 3]), 2)).to.throw("more pauses than the 2 turns");
    expect(() => unpackDelaysNs(packed([1, 2, 3]), 4)).to.throw("varint ends");
  });
});
