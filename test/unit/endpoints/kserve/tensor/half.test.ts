import { expect } from "chai";
import fc from "fast-check";
import { bf16Bits, bf16Value, fp16Bits, fp16Value } from "../../../../../endpoints/kserve/tensor/half.ts";

interface Format {
  readonly name: string;
  readonly bitsOf: (value: number) => number;
  readonly numberOf: (bits: number) => number;
  /** Bits of infinity: those above are no numbers. */
  readonly infinity: number;
}

const formats: readonly Format[] = [
  { name: "FP16", bitsOf: fp16Bits, numberOf: fp16Value, infinity: 0x7c00 },
  { name: "BF16", bitsOf: bf16Bits, numberOf: bf16Value, infinity: 0x7f80 },
];

const known: readonly [name: string, value: number, bits: number][] = [
  ["FP16", 1, 0x3c00],
  ["FP16", -2, 0xc000],
  ["FP16", 65_504, 0x7bff],
  ["FP16", 65_519.99, 0x7bff],
  ["FP16", 65_520, 0x7c00],
  ["FP16", 2 ** -14, 0x0400],
  ["FP16", 2 ** -24, 0x0001],
  ["FP16", 2 ** -25, 0x0000],
  ["FP16", 1 / 3, 0x3555],
  ["FP16", 2049, 0x6800],
  ["FP16", 2051, 0x6802],
  ["FP16", -0, 0x8000],
  ["BF16", 1, 0x3f80],
  ["BF16", -0, 0x8000],
  ["BF16", 3.140625, 0x4049],
  ["BF16", Number.NEGATIVE_INFINITY, 0xff80],
];

describe("numbers of two bytes", () => {
  for (const [name, value, bits] of known) {
    it(`${name} has ${Object.is(value, -0) ? "-0" : value} as 0x${bits.toString(16)}`, () => {
      expect(formats.find((format) => format.name === name)?.bitsOf(value)).to.equal(bits);
    });
  }

  for (const { name, bitsOf, numberOf, infinity } of formats) {
    it(`${name} comes back as it was, whatever its bits`, () => {
      for (let bits = 0; bits < 0x1_0000; bits++) {
        const isNumber = (bits & 0x7fff) <= infinity;
        if (isNumber && bitsOf(numberOf(bits)) !== bits)
          expect.fail(`0x${bits.toString(16)} became 0x${bitsOf(numberOf(bits)).toString(16)}`);
        if (!isNumber) expect(numberOf(bits)).to.be.NaN;
      }
      expect(numberOf(bitsOf(Number.NaN))).to.be.NaN;
    });

    it(`${name} takes the nearest that it has, of two alike the even one`, () => {
      fc.assert(
        fc.property(fc.integer({ min: 0, max: infinity - 2 }), fc.double({ min: 0, max: 1, noNaN: true }), (below, part) => {
          const [low, high] = [numberOf(below), numberOf(below + 1)];
          const value = Math.fround(low + (high - low) * part);
          const got = numberOf(bitsOf(value));
          const [fromLow, fromHigh] = [value - low, high - value];
          const nearest = fromLow === fromHigh ? (below % 2 === 0 ? low : high) : fromLow < fromHigh ? low : high;
          return got === nearest && bitsOf(-value) === (bitsOf(value) | 0x8000);
        }),
        { numRuns: 2000 },
      );
    });
  }
});
