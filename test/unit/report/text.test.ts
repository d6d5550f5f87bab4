import { expect } from "chai";
import fc from "fast-check";
import { clip, csvCell, figure, harmless, steady, twoDecimals, whole, widthOf, wrap } from "../../../report/text.ts";

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

  it("does not read otherwise than it is, whatever turns its direction", () => {
    expect(harmless("a\u202egnp.exe\u2066b\u200fc")).to.equal("a\ufffdgnp.exe\ufffdb\ufffdc");
  });

  it("keeps colours and a redrawn line at the edge, and nothing else that steers a terminal", () => {
    for (const text of ["\x1b[1m\x1b[38;5;9mred\x1b[0m\tb\n", "\r\x1b[2K50 %", "plain"]) expect(steady(text)).to.equal(text);
    const hostile = [
      "\x1b[2J",
      "\x1b[1A",
      "\x1b]0;title\x07",
      "\x1b]8;;http://x\x1b\\",
      "\x1b]52;c;AAAA\x07",
      "\x1bP1$r",
      "\x1bc",
      "\x9b2J",
      "\x9d0;t\x9c",
      "\b\b",
      "\0",
      "\x7f",
      "\u202e",
    ];
    for (const text of hostile) expect(steady(`a${text}b`), JSON.stringify(text)).not.to.match(/[\p{Cc}\u202a-\u202e]/u);
  });

  it("is no formula in a cell of CSV, and a number stays one", () => {
    for (const text of ["=1+1", "+cmd|'/c calc'!A1", "-2+3", "@SUM(A1)", "\tx", "\r=1", "-", "-1-1"]) {
      expect(csvCell(text)).to.equal(`'${text}`);
    }
    for (const text of ["", "-12.50", "+3", "-1e-7", "-.5", "text", "a=b", "http 429: -1"]) expect(csvCell(text)).to.equal(text);
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
    expect([whole(1234567n), whole(999), whole(1000.4), whole(-1234), whole(0)]).to.deep.equal([
      "1,234,567",
      "999",
      "1,000",
      "-1,234",
      "0",
    ]);
  });

  it("rounds figures from the middle to the even digit", () => {
    for (const [value, text] of [
      [0.125, "0.12"],
      [0.375, "0.38"],
      [-0.625, "-0.62"],
      [1.995, "2.00"],
      [2.675, "2.67"],
      [9.875, "9.88"],
      [1e21, "1000000000000000000000.00"],
    ] as const) {
      expect(twoDecimals(value)).to.equal(text);
    }
  });

  it("rounds any number as it is, not as its shortest digits look", () => {
    expect(twoDecimals(10.025)).to.equal("10.03");
    const eighths = fc.integer().map((count) => count / 8);
    fc.assert(
      fc.property(fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), eighths), (value) => {
        if (!Object.is(value, -0)) expect(twoDecimals(value)).to.equal(exactly(value));
      }),
      { numRuns: 2000 },
    );
  });
});

/** The same by integers alone: a double is a whole number of 2^-1074. */
function exactly(value: number): string {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, Math.abs(value));
  const bits = view.getBigUint64(0);
  const exponent = bits >> 52n;
  const fraction = bits & ((1n << 52n) - 1n);
  const units = exponent === 0n ? fraction : (fraction | (1n << 52n)) << (exponent - 1n);
  const scaled = units * 100n;
  const one = 1n << 1074n;
  const [whole, rest] = [scaled / one, scaled % one];
  const isUp = 2n * rest > one || (2n * rest === one && whole % 2n === 1n);
  const digits = String(isUp ? whole + 1n : whole).padStart(3, "0");
  return `${value < 0 ? "-" : ""}${digits.slice(0, -2)}.${digits.slice(-2)}`;
}
