import { expect } from "chai";
import fc from "fast-check";
import { clip, figure, harmless, whole, widthOf, wrap } from "../../../report/text.ts";

describe("text in a terminal", () => {
  for (const [text, width] of [
    ["abc", 3],
    ["", 0],
    ["é", 1],
    ["e\u0301", 1],
    ["模型", 4],
    ["🚀", 2],
    ["a\u200db", 2],
    ["한국어", 6],
    ["─│┏", 3],
  ] as const) {
    it(`takes ${width} columns for ${JSON.stringify(text)}`, () => {
      expect(widthOf(text)).to.equal(width);
    });
  }

  it("cannot steer the terminal when it comes from elsewhere", () => {
    expect(harmless("a\x1b[2J\nb\tc\x07 ")).to.equal("a�[2J b c�");
  });

  it("is broken at spaces, and within words only where they are too long", () => {
    expect(wrap("one two three", 7)).to.deep.equal(["one two", "three"]);
    expect(wrap("abcdefghij kl", 4)).to.deep.equal(["abcd", "efgh", "ij", "kl"]);
    expect(wrap("", 4)).to.deep.equal([""]);
  });

  it("loses nothing but spaces when broken, and no line is too wide", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.integer({ min: 2, max: 40 }), (raw, width) => {
        const text = harmless(raw);
        const lines = wrap(text, width);
        expect(lines.join("").replaceAll(" ", "")).to.equal(text.replaceAll(" ", ""));
        for (const line of lines) expect(widthOf(line)).to.be.at.most(width);
      }),
      { numRuns: 200 },
    );
  });

  it("is cut with an ellipsis", () => {
    expect(clip("abcdef", 6)).to.equal("abcdef");
    expect(clip("abcdefg", 6)).to.equal("abcde…");
  });

  it("shows figures as AIPerf does", () => {
    expect([figure(1234.5), figure(0), figure(undefined), figure(Number.NaN), figure(-0.004)]).to.deep.equal([
      "1,234.50",
      "0.00",
      "N/A",
      "N/A",
      "0.00",
    ]);
    expect(whole(1234567n)).to.equal("1,234,567");
  });
});
