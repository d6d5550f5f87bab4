import { expect } from "chai";
import fc from "fast-check";
import { packNumbers, packTexts, unpackNumbers, unpackTexts } from "../../../../services/records-manager/core/packed-column.ts";

function again(values: Float64Array): Float64Array {
  const target = new Float64Array(values.length);
  const packed = packNumbers(values);
  if (packed === undefined) return target.fill(Number.NaN);
  unpackNumbers(packed, target);
  return target;
}

/** A double has two zeros; which of them it was tells nobody anything. */
function oneZero(value: number): number {
  return value + 0;
}

describe("a packed column", () => {
  it("has the same numbers again, to the last bit, and none where there was none", () => {
    const ns = fc.integer({ min: -1, max: 2 ** 34 });
    const number = fc.oneof(
      fc.constant(Number.NaN),
      fc.integer({ min: 0, max: 300 }),
      fc.integer({ min: -(2 ** 40), max: 2 ** 52 }),
      ns.map((each) => each / 1e6),
      fc.double({ noNaN: true }),
    );
    const column = fc.oneof(
      fc.array(number, { minLength: 1, maxLength: 50 }),
      // Columns of one kind take the narrow forms.
      fc.array(fc.oneof(fc.constant(Number.NaN), fc.integer({ min: 5, max: 259 })), { minLength: 1, maxLength: 300 }),
      fc.array(
        ns.map((each) => each / 1e6),
        { minLength: 1, maxLength: 50 },
      ),
    );
    fc.assert(
      fc.property(column, (values) => {
        expect(Array.from(again(Float64Array.from(values)), oneZero)).to.deep.equal(values.map(oneZero));
      }),
      { numRuns: 500 },
    );
  });

  it("takes no more bytes than its numbers need", () => {
    const start = 2_592_000_000_000_000;
    const of = (...values: number[]) => (packNumbers(Float64Array.from(values))?.length ?? 0) - 16;
    expect(of(start, start, start)).to.equal(0);
    expect(of(start, start + 254, Number.NaN)).to.equal(3);
    expect(of(start, start + 255)).to.equal(4);
    expect(of(start, start + 65_535)).to.equal(8);
    expect(of(0.000001, 0.5, 12.345678)).to.equal(12);
    expect(of(start, start + 2 ** 32)).to.equal(16);
    expect(of(1 / 3, 2)).to.equal(16);
    expect(packNumbers(Float64Array.of(Number.NaN))).to.equal(undefined);
  });

  it("has its texts, whatever stands in them", () => {
    const packed = packTexts(Float64Array.of(1, Number.NaN, 0), ["a\n\u0000", "größer"]) ?? new Uint8Array();
    const indices = new Float64Array(3);
    unpackNumbers(packed, indices);
    expect([...indices]).to.deep.equal([1, Number.NaN, 0]);
    expect(unpackTexts(packed, 3)).to.deep.equal(["a\n\u0000", "größer"]);
  });

  it("is read wherever its bytes begin", () => {
    const values = Float64Array.of(1 / 3, 2, 70_000.5);
    const packed = packNumbers(values) ?? new Uint8Array();
    const shifted = new Uint8Array(packed.length + 3);
    shifted.set(packed, 3);
    const target = new Float64Array(3);
    unpackNumbers(shifted.subarray(3), target);
    expect(target).to.deep.equal(values);
  });

  it("is refused where it is cut short, of another number of rows, or of no known form", () => {
    const packed = packNumbers(Float64Array.of(1, 2, 3)) ?? new Uint8Array();
    const unknown = Uint8Array.from(packed).fill(3, 0, 1);
    for (const [bytes, rows] of [
      [packed.subarray(0, -1), 3],
      [packed.subarray(0, 9), 3],
      [packed, 4],
      [unknown, 3],
    ] as const) {
      expect(() => unpackNumbers(bytes, new Float64Array(rows))).to.throw(/packed column/);
    }
  });
});
