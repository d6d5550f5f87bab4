import { expect } from "chai";
import fc from "fast-check";
import { maxVarintBytes, VarintReader, writeVarint } from "../../../services/common/varint.ts";

describe("varint", () => {
  const rows: readonly (readonly [number, readonly number[]])[] = [
    [0, [0]],
    [127, [0x7f]],
    [128, [0x80, 0x01]],
    [300, [0xac, 0x02]],
    [2 ** 31, [0x80, 0x80, 0x80, 0x80, 0x08]],
    [2 ** 32 - 1, [0xff, 0xff, 0xff, 0xff, 0x0f]],
    [Number.MAX_SAFE_INTEGER, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f]],
  ];
  for (const [value, bytes] of rows) {
    it(`writes ${value} as protobuf does`, () => {
      const target = new Uint8Array(maxVarintBytes);
      const end = writeVarint(target, 0, value);
      expect([...target.subarray(0, end)]).to.deep.equal(bytes);
    });
  }

  it("reads back any list of safe integers, written one after the other", () => {
    fc.assert(
      fc.property(fc.array(fc.maxSafeNat()), (values) => {
        const target = new Uint8Array(values.length * maxVarintBytes);
        let offset = 0;
        for (const value of values) offset = writeVarint(target, offset, value);
        const reader = new VarintReader(target.subarray(0, offset));
        expect(values.map(() => reader.read())).to.deep.equal(values);
        expect(reader.isAtEnd).to.equal(true);
      }),
    );
  });

  it("leaves the bytes before its offset alone", () => {
    const target = new Uint8Array(16).fill(0xee);
    const end = writeVarint(target, 4, 300);
    expect(end).to.equal(6);
    expect([...target.subarray(0, 7)]).to.deep.equal([0xee, 0xee, 0xee, 0xee, 0xac, 0x02, 0xee]);
  });

  for (const [title, bytes] of [
    ["that ends inside a value", [0x80]],
    ["above 2^53 - 1", [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x10]],
    ["with more bytes than a number has", [...new Array<number>(300).fill(0x80), 0]],
  ] as const) {
    it(`refuses a varint ${title}`, () => {
      expect(() => new VarintReader(Uint8Array.from(bytes)).read()).to.throw(/varint/);
    });
  }
});
