import { expect } from "chai";
import fc from "fast-check";
import { UuidSeries } from "../../../../services/worker/core/uuid-series.ts";

const hex = fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: 16, maxLength: 16 });

describe("a series of UUIDs", () => {
  it("gives UUIDs of version 8, whatever its random digits", () => {
    fc.assert(
      fc.property(hex, (digits) => {
        expect(new UuidSeries(digits).next()).to.match(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      }),
    );
  });

  it("gives none twice", () => {
    const series = new UuidSeries("0123456789abcdef");
    expect(new Set(Array.from({ length: 10_000 }, () => series.next()))).to.have.lengthOf(10_000);
  });

  it("counts in its last fifteen digits", () => {
    const series = new UuidSeries("0123456789abcdef");
    const counts = Array.from({ length: 8200 }, () => Number.parseInt(series.next().replaceAll("-", "").slice(17), 16));
    expect(counts).to.deep.equal(counts.map((_, index) => index + 1));
  });

  it("tells series of other random digits apart", () => {
    expect(new UuidSeries("0123456789abcdef").next()).to.not.equal(new UuidSeries("0123456789abceef").next());
    expect(new UuidSeries("0123456789ab0def").next()).to.not.equal(new UuidSeries("0123456789ab1def").next());
  });
});
