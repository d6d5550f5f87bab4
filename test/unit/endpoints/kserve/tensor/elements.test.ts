import { expect } from "chai";
import fc from "fast-check";
import { bytesElements, countBytesElements } from "../../../../../endpoints/kserve/tensor/bytes.ts";
import { type Datatype, datatypes, elementBytes, isDatatype } from "../../../../../endpoints/kserve/tensor/datatypes.ts";
import {
  countElements,
  decodeElements,
  type ElementInput,
  encodeElements,
  textsOf,
} from "../../../../../endpoints/kserve/tensor/elements.ts";

const integers = (bits: number, isSigned: boolean) =>
  fc.integer(isSigned ? { min: -(2 ** (bits - 1)), max: 2 ** (bits - 1) - 1 } : { min: 0, max: 2 ** bits - 1 });

const elementsOf: Readonly<Record<Datatype, fc.Arbitrary<ElementInput>>> = {
  BOOL: fc.boolean(),
  UINT8: integers(8, false),
  UINT16: integers(16, false),
  UINT32: integers(32, false),
  UINT64: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  INT8: integers(8, true),
  INT16: integers(16, true),
  INT32: integers(32, true),
  INT64: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  FP16: fc.constantFrom(0, -0, 1.5, -2, 65_504, 2 ** -24, Number.POSITIVE_INFINITY, Number.NaN),
  BF16: fc.constantFrom(0, -0, 1.5, -2, 2 ** 100, 2 ** -100, Number.NEGATIVE_INFINITY, Number.NaN),
  FP32: fc.float(),
  FP64: fc.double(),
  BYTES: fc.uint8Array({ maxLength: 40 }),
};

const wire: readonly [datatype: Datatype, elements: ElementInput[], hex: string][] = [
  ["BOOL", [true, false], "0100"],
  ["INT8", [-1, 127], "ff7f"],
  ["UINT16", [1, 65_535], "0100ffff"],
  ["INT32", [-2, 1], "feffffff01000000"],
  ["INT64", [-1n, 5], "ffffffffffffffff0500000000000000"],
  ["UINT64", [2n ** 63n], "0000000000000080"],
  ["FP16", [1, -2], "003c00c0"],
  ["BF16", [1], "803f"],
  ["FP32", [1], "0000803f"],
  ["FP64", [1], "000000000000f03f"],
  ["BYTES", ["hé", ""], "0300000068c3a900000000"],
];

const refused: readonly [datatype: Datatype, element: ElementInput, message: string][] = [
  ["INT8", 128, "element 0 of INT8 must be an integer from -128 to 127, got 128"],
  ["UINT32", -1, "element 0 of UINT32 must be an integer from 0 to 4294967295, got -1"],
  ["INT32", 1.5, "element 0 of INT32 must be an integer from -2147483648 to 2147483647, got 1.5"],
  ["INT32", "7", 'element 0 of INT32 must be an integer from -2147483648 to 2147483647, got "7"'],
  [
    "INT64",
    2 ** 60,
    "element 0 of INT64 must be an integer from -9223372036854775808 to 9223372036854775807, got 1152921504606847000",
  ],
  ["UINT64", 2n ** 64n, "element 0 of UINT64 must be an integer from 0 to 18446744073709551615, got 18446744073709551616"],
  ["BOOL", 1, "element 0 of BOOL must be true or false, got 1"],
  ["FP32", "x", 'element 0 of FP32 must be a number, got "x"'],
  ["BYTES", 4, "element 0 of BYTES must be bytes or a text, got 4"],
];

describe("elements of tensors", () => {
  for (const datatype of datatypes) {
    it(`come back as they were: ${datatype}`, () => {
      fc.assert(
        fc.property(fc.array(elementsOf[datatype], { maxLength: 20 }), (elements) => {
          const raw = encodeElements(datatype, elements);
          expect(countElements(datatype, raw)).to.equal(elements.length);
          if (datatype !== "BYTES") expect(raw.length).to.equal(elements.length * elementBytes[datatype]);
          expect(decodeElements(datatype, raw)).to.deep.equal(elements);
        }),
      );
    });
  }

  for (const [datatype, elements, hex] of wire) {
    it(`are ${hex} on the wire: ${datatype}`, () => {
      expect(Buffer.from(encodeElements(datatype, elements)).toString("hex")).to.equal(hex);
    });
  }

  for (const [datatype, element, message] of refused) {
    it(`are refused: ${message}`, () => {
      expect(() => encodeElements(datatype, [element])).to.throw(message);
    });
  }

  it("are read where they stand, in the middle of a larger buffer", () => {
    const raw = encodeElements("FP64", [1, 2]);
    const larger = new Uint8Array(raw.length + 3);
    larger.set(raw, 3);
    expect(decodeElements("FP64", larger.subarray(3))).to.deep.equal([1, 2]);
  });

  it("of BYTES are whole, or it is said where the contents end", () => {
    const raw = encodeElements("BYTES", ["one", "", "three"]);
    const whole = new Set([0, 7, 11, raw.length]);
    for (let size = 0; size <= raw.length; size++) {
      const cut = raw.subarray(0, size);
      const count = countBytesElements(cut);
      expect(typeof count === "number", `${size}`).to.equal(whole.has(size));
      const before = [...whole].filter((end) => end <= size).length - 1;
      expect(bytesElements(cut), `${size}`).to.have.length(before);
    }
    expect(countBytesElements(raw.subarray(0, 13))).to.deep.equal({ where: "length", wanted: 4, available: 2 });
    expect(countBytesElements(raw.subarray(0, 17))).to.deep.equal({ where: "data", wanted: 5, available: 2 });
    expect(() => decodeElements("BYTES", raw.subarray(0, 17))).to.throw(
      "contents of BYTES end inside an element of 5 bytes, of which there are 2",
    );
  });

  it("of a length that says more than there is cost no memory", () => {
    expect(countBytesElements(Uint8Array.of(255, 255, 255, 255, 1))).to.deep.equal({
      where: "data",
      wanted: 2 ** 32 - 1,
      available: 1,
    });
  });

  it("of a fixed size are whole, too", () => {
    expect(() => decodeElements("FP32", new Uint8Array(7))).to.throw("contents of FP32 must be a multiple of 4 bytes, got 7");
  });

  it("are texts where they are UTF-8", () => {
    expect(textsOf(encodeElements("BYTES", ["añ", "\uFEFFb", Uint8Array.of(0xff)]))).to.deep.equal(["añ", "\uFEFFb", "\uFFFD"]);
  });

  it("have the names that the protocol has", () => {
    expect(isDatatype("FP32")).to.equal(true);
    expect(["fp32", "TYPE_FP32", "STRING", "toString"].filter(isDatatype)).to.deep.equal([]);
  });
});
