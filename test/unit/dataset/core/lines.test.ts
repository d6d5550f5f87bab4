import { expect } from "chai";
import fc from "fast-check";
import { LineReader } from "../../../../services/dataset/core/lines.ts";

interface Seen {
  readonly number: number;
  readonly text: string;
  readonly isTooLong: boolean;
}

/** The lines of a file that comes in pieces which end at these offsets. */
function linesOf(file: Buffer, cuts: readonly number[] = [], maxBytes = 1000): Seen[] {
  const reader = new LineReader(maxBytes);
  const seen: Seen[] = [];
  const take: Parameters<LineReader["push"]>[1] = ({ number, bytes, isTooLong }) =>
    seen.push({ number, text: Buffer.from(bytes).toString(), isTooLong });
  const ends = [...cuts, file.length].sort((one, other) => one - other);
  // As a reader does that uses one buffer again and again.
  const piece = Buffer.alloc(file.length);
  let start = 0;
  for (const end of ends) {
    file.copy(piece, 0, start, end);
    reader.push(piece.subarray(0, end - start), take);
    piece.fill(0x58);
    start = end;
  }
  reader.end(take);
  return seen;
}

const textsOf = (file: string | Buffer): string[] => linesOf(Buffer.from(file as string)).map(({ text }) => text);

describe("LineReader", () => {
  const rows: readonly (readonly [what: string, file: string | Buffer, lines: readonly string[]])[] = [
    ["nothing", "", []],
    ["a line without an end", "a", ["a"]],
    ["a line with an end", "a\n", ["a"]],
    ["empty lines", "\n\na\n\n", ["", "", "a", ""]],
    ["CRLF", "a\r\n\r\nb\r\n", ["a", "", "b"]],
    ["a CR at the very end", "a\r", ["a"]],
    ["a CR within a line", "a\rb\n", ["a\rb"]],
    ["a byte order mark", "\ufeffa\n\ufeffb", ["a", "\ufeffb"]],
    ["nothing but a byte order mark", "\ufeff", [""]],
    ["half a byte order mark", Buffer.from([0xef, 0xbb, 0x0a]), ["\ufffd"]],
  ];
  for (const [what, file, lines] of rows) it(`reads ${what}`, () => expect(textsOf(file)).to.deep.equal(lines));

  it("reads the same however the file is cut into pieces", () => {
    const piece = fc.constantFrom("a", "bc", "\n", "\r\n", "\r", "ü", "🚂", "\ufeff", " ", "long".repeat(5));
    const file = fc.array(piece, { maxLength: 12 }).map((pieces) => Buffer.from(pieces.join("")));
    fc.assert(
      fc.property(file, fc.array(fc.nat(60), { maxLength: 5 }), fc.constantFrom(1, 3, 12, 1000), (whole, cuts, maxBytes) => {
        const within = cuts.map((cut) => Math.min(cut, whole.length));
        expect(linesOf(whole, within, maxBytes)).to.deep.equal(linesOf(whole, [], maxBytes));
      }),
      { numRuns: 500 },
    );
  });

  it("counts lines from 1 and says which of them are longer than is taken, whatever ends them", () => {
    const file = Buffer.from("\ufeffabc\r\nabcd\nab\nabcde");
    for (const cuts of [[], [3, 4, 9], [20]]) {
      expect(linesOf(file, cuts, 3)).to.deep.equal([
        { number: 1, text: "abc", isTooLong: false },
        { number: 2, text: "", isTooLong: true },
        { number: 3, text: "ab", isTooLong: false },
        { number: 4, text: "", isTooLong: true },
      ]);
    }
  });

  it("says that a line is too long before its end has come, once, and keeps nothing of it", () => {
    const reader = new LineReader(1000);
    const piece = Buffer.alloc(1 << 20, "x");
    const seen: boolean[] = [];
    const take: Parameters<LineReader["push"]>[1] = ({ isTooLong }) => seen.push(isTooLong);
    const before = process.memoryUsage().arrayBuffers;
    for (let index = 0; index < 64; index++) reader.push(piece, take);
    expect(process.memoryUsage().arrayBuffers - before).to.be.lessThan(8 << 20);
    expect(seen).to.deep.equal([true]);
    reader.push(Buffer.from("x\nshort\n"), take);
    expect(seen).to.deep.equal([true, false]);
  });

  it("says what ends a line", () => {
    const ends: string[] = [];
    const reader = new LineReader(1000);
    const take: Parameters<LineReader["push"]>[1] = ({ end }) => ends.push(end);
    reader.push(Buffer.from("a\r"), take);
    reader.push(Buffer.from("\nb\nc"), take);
    reader.end(take);
    expect(ends).to.deep.equal(["\r\n", "\n", ""]);
  });
});
