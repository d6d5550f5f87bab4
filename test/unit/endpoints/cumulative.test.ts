import { expect } from "chai";
import fc from "fast-check";
import { readTexts, type TextKind } from "../../../endpoints/cumulative.ts";

/** What each text of one stream adds. */
function added(usual: TextKind, texts: readonly string[]): string[] {
  return readTexts(usual, (next) => texts.map(next()));
}

function soFar(pieces: readonly string[]): string[] {
  return pieces.map((_, index) => pieces.slice(0, index + 1).join(""));
}

const kinds: readonly TextKind[] = ["pieces", "cumulative"];
/** Of few letters, so that pieces are alike and begin with one another often. */
const letters = fc.string({ minLength: 1, maxLength: 3, unit: fc.constantFrom("a", "b", "é") });
const graphemes = fc.string({ minLength: 1, unit: "grapheme" });

describe("what is new in the texts of a stream", () => {
  for (const usual of kinds) {
    it(`is what each adds, where they grow from the first to the last, of an API that usually has ${usual}`, () => {
      for (const piece of [letters, graphemes]) {
        fc.assert(
          fc.property(fc.array(piece, { minLength: 2 }), (pieces) => {
            expect(added(usual, soFar(pieces))).to.deep.equal(pieces);
          }),
        );
      }
    });

    it(`is all of each where one does not begin with the one before and others follow, of an API that usually has ${usual}`, () => {
      fc.assert(
        fc.property(fc.array(letters, { maxLength: 6 }), fc.array(letters, { maxLength: 6 }), (before, after) => {
          const pieces = [...before, "c", "d", ...after];
          expect(added(usual, pieces)).to.deep.equal(pieces);
        }),
      );
    });

    it(`is the whole of one text, and none of no text, of an API that usually has ${usual}`, () => {
      expect(added(usual, ["", "a", "", ""])).to.deep.equal(["", "a", "", ""]);
      expect(added(usual, [])).to.deep.equal([]);
    });
  }

  it("is all of pieces that are alike, however many, where pieces are usual", () => {
    fc.assert(
      fc.property(letters, fc.integer({ min: 1, max: 20 }), fc.array(letters), (piece, count, more) => {
        const pieces = Array.from({ length: count + 1 }, () => piece);
        expect(added("pieces", pieces)).to.deep.equal(pieces);
        // Whatever follows: the first two settle it.
        expect(added("pieces", [...pieces, ...more])).to.deep.equal([...pieces, ...more]);
      }),
    );
    expect(added("cumulative", ["\n", "\n", "a", "a", "ab"])).to.deep.equal(["\n", "\n", "a", "a", "ab"]);
  });

  it("never gets lost: texts that are no whole so far come out as they went in, whatever is usual", () => {
    fc.assert(
      fc.property(fc.constantFrom(...kinds), fc.array(letters), (usual, texts) => {
        const out = added(usual, texts);
        // Read as growing, they give the last text; else all of them.
        expect([texts.join(""), texts.at(-1) ?? "", texts.at(-2) ?? ""]).to.include(out.join(""));
        if (texts.some((text, index) => index > 0 && !text.startsWith(texts[index - 1] ?? "") && index < texts.length - 1)) {
          expect(out).to.deep.equal(texts);
        }
      }),
    );
  });

  it("is nothing where a text that has grown stands still, and a character that came in part is no new text", () => {
    expect(added("pieces", ["a", "ab", "ab"])).to.deep.equal(["a", "b", ""]);
    expect(added("cumulative", ["a", "a"])).to.deep.equal(["a", ""]);
    expect(added("pieces", ["a", "ab\uFFFD", "abé", "abéc"])).to.deep.equal(["a", "b\uFFFD", "", "c"]);
    expect(added("pieces", ["\uFFFD", "x"])).to.deep.equal(["\uFFFD", "x"]);
  });

  it("is nothing where the beginning of a stop sequence was taken back at the end, where whole texts are usual", () => {
    expect(added("cumulative", ["a", "ab</", "ab"])).to.deep.equal(["a", "b</", ""]);
    expect(added("cumulative", ["ab", "a", "ab"])).to.deep.equal(["ab", "a", "ab"]);
    expect(added("pieces", ["a", "ab", "a"])).to.deep.equal(["a", "ab", "a"]);
  });

  it("is of each stream by itself, where an answer has several", () => {
    const out = readTexts("cumulative", (next) => {
      const [one, other] = [next(), next()];
      return ["a", "ab"].map(one).concat(["x", "y"].map(other));
    });
    expect(out).to.deep.equal(["a", "b", "x", "y"]);
  });
});
