import { expect } from "chai";
import fc from "fast-check";
import { decodeUtf8 } from "../../../../services/dataset/core/utf8.ts";

const platform = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function isUtf8(bytes: Uint8Array): boolean {
  try {
    platform.decode(bytes);
    return true;
  } catch {
    return false;
  }
}

const byte = fc.constantFrom(
  0x00,
  0x41,
  0x7f,
  0x80,
  0x8f,
  0x90,
  0x9f,
  0xa0,
  0xbf,
  0xc0,
  0xc1,
  0xc2,
  0xdf,
  0xe0,
  0xe1,
  0xed,
  0xef,
  0xf0,
  0xf3,
  0xf4,
  0xf5,
  0xff,
);

describe("decodeUtf8", () => {
  it("reads every text, a byte order mark included", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(decodeUtf8(Buffer.from(text))).to.deep.equal({ text });
      }),
    );
    expect(decodeUtf8(Buffer.from("\ufeffa"))).to.deep.equal({ text: "\ufeffa" });
  });

  it("gives the longest text before the first byte that belongs to no character", () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.array(byte, { maxLength: 6 }), (one, other) => {
        const bytes = Uint8Array.from([...one.slice(0, 3), ...other]);
        const decoded = decodeUtf8(bytes);
        if ("text" in decoded) {
          expect(isUtf8(bytes)).to.equal(true);
          return;
        }
        const before = Buffer.from(decoded.textBefore);
        expect(Buffer.compare(before, bytes.subarray(0, before.length)), "what comes before").to.equal(0);
        const rest = bytes.subarray(before.length);
        for (let length = 1; length <= 4; length++)
          expect(isUtf8(rest.subarray(0, length)) && length <= rest.length).to.equal(false);
      }),
      { numRuns: 3000 },
    );
  });
});
