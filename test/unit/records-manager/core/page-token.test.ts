import { expect } from "chai";
import fc from "fast-check";
import { decodePageToken, encodePageToken } from "../../../../services/records-manager/core/page-token.ts";

describe("a page token", () => {
  it("gives back the credit it was made of, for the same query", () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.string({ unit: "grapheme" }), (lastId, query) => {
        expect(decodePageToken(encodePageToken(lastId, query), query)).to.equal(lastId);
      }),
    );
  });

  it("is refused by another query", () => {
    expect(() => decodePageToken(encodePageToken(5, "a"), "b")).to.throw(/page token must come from the same query/);
  });

  for (const token of ["", "%%%", "NQ==", "LTEgYQ=="]) {
    it(`is refused when it is ${JSON.stringify(token)}`, () => {
      expect(() => decodePageToken(token, "a")).to.throw(/page token/);
    });
  }
});
