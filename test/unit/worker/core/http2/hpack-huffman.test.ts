import { expect } from "chai";
import fc from "fast-check";
import { decodeHuffman } from "../../../../../services/worker/core/http2/hpack-huffman.ts";

/** Codes of each length as appendix B of RFC 7541 prints them: the first and the last. Those between go to the symbols between, in order. */
const printed: readonly (readonly [bits: number, first: [symbol: number, code: number], last: [symbol: number, code: number]])[] =
  [
    [5, [0x30, 0x0], [0x74, 0x9]],
    [6, [0x20, 0x14], [0x75, 0x2d]],
    [7, [0x3a, 0x5c], [0x7a, 0x7b]],
    [8, [0x26, 0xf8], [0x5a, 0xfd]],
    [10, [0x21, 0x3f8], [0x3f, 0x3fc]],
    [11, [0x27, 0x7fa], [0x7c, 0x7fc]],
    [12, [0x23, 0xffa], [0x3e, 0xffb]],
    [13, [0x00, 0x1ff8], [0x7e, 0x1ffd]],
    [14, [0x5e, 0x3ffc], [0x7d, 0x3ffd]],
    [15, [0x3c, 0x7ffc], [0x7b, 0x7ffe]],
    [19, [0x5c, 0x7fff0], [0xd0, 0x7fff2]],
    [20, [0x80, 0xfffe6], [0xe2, 0xfffed]],
    [21, [0x99, 0x1fffdc], [0xe6, 0x1fffe8]],
    [22, [0x81, 0x3fffd2], [0xe9, 0x3fffeb]],
    [23, [0x01, 0x7fffd8], [0xef, 0x7ffff4]],
    [24, [0x09, 0xffffea], [0xed, 0xfffff5]],
    [25, [0xc7, 0x1ffffec], [0xeb, 0x1ffffef]],
    [26, [0xc0, 0x3ffffe0], [0xff, 0x3ffffee]],
    [27, [0xcb, 0x7ffffde], [0xfe, 0x7fffff0]],
    [28, [0x02, 0xfffffe2], [0xf9, 0xffffffe]],
    [30, [0x0a, 0x3ffffffc], [0x16, 0x3ffffffe]],
  ];

type Code = readonly [code: number, bits: number];

/** The rest of the last byte is filled with ones. */
function pack(codes: readonly Code[]): Uint8Array {
  let bits = codes.map(([code, count]) => code.toString(2).padStart(count, "0")).join("");
  bits += "1".repeat((8 - (bits.length % 8)) % 8);
  return Uint8Array.from(bits.match(/.{8}/g) ?? [], (byte) => Number.parseInt(byte, 2));
}

function decode(codes: readonly Code[]): string | undefined {
  const bytes = pack(codes);
  return decodeHuffman(bytes, 0, bytes.length);
}

describe("strings in Huffman's code", () => {
  /** By symbol. */
  const codes = new Map<number, Code>();

  for (const [bits, [firstSymbol, firstCode], [lastSymbol, lastCode]] of printed) {
    it(`have codes of ${bits} bits as RFC 7541 prints them`, () => {
      const symbols: number[] = [];
      for (let code = firstCode; code <= lastCode; code++) {
        const text = decode([[code, bits]]);
        expect(text, code.toString(16)).to.have.lengthOf(1);
        const symbol = text?.charCodeAt(0) ?? -1;
        symbols.push(symbol);
        codes.set(symbol, [code, bits]);
      }
      expect(symbols[0]).to.equal(firstSymbol);
      expect(symbols.at(-1)).to.equal(lastSymbol);
      expect(symbols).to.deep.equal(symbols.toSorted((one, other) => one - other));
    });
  }

  it("may have every byte, one behind the other", () => {
    expect(codes.size).to.equal(256);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 255 })), (symbols) => {
        const coded = symbols.map((symbol) => codes.get(symbol) ?? ([0, 0] as const));
        expect(decode(coded)).to.equal(String.fromCharCode(...symbols));
      }),
    );
  });

  it("never have the end of a string, nor a filling of a byte, nor one of zeros", () => {
    expect(decode([[0x3fffffff, 30]])).to.equal(undefined);
    expect(decodeHuffman(Uint8Array.of(0xff), 0, 1)).to.equal(undefined);
    expect(
      decode([
        [0x1f << 3, 8],
        [0, 8],
      ]),
    ).to.equal(undefined);
    expect(
      decode([
        [0, 5],
        [0b110, 3],
      ]),
    ).to.equal(undefined);
    expect(
      decode([
        [0, 5],
        [0b111, 3],
      ]),
    ).to.equal("0");
  });
});
