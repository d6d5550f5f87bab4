import { create } from "@bufbuild/protobuf";
import { expect } from "chai";
import fc from "fast-check";
import { IdRangeSchema } from "../../../gen/assay/common/v1/common_pb.js";
import { IdRanges } from "../../../services/common/id-ranges.ts";
import { rangesOf, wireRangesOf } from "../../../services/common/wire-ranges.ts";

describe("ranges on the wire", () => {
  it("give back every set, in as few ranges as it has", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.nat(30), fc.maxSafeNat())), (ids) => {
        const set = IdRanges.ofIds(ids);
        const wire = wireRangesOf(set).map((range) => create(IdRangeSchema, range));
        expect(wire).to.have.lengthOf(set.ranges().length);
        expect(rangesOf(wire).equals(set)).to.equal(true);
      }),
    );
  });

  it("may overlap and come in any order", () => {
    const wire = [
      { first: 5n, last: 9n },
      { first: 1n, last: 6n },
    ].map((range) => create(IdRangeSchema, range));
    expect(rangesOf(wire).ranges()).to.deep.equal([{ first: 1, last: 9 }]);
  });
});
