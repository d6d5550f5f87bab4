import { expect } from "chai";
import fc from "fast-check";
import { AssayError } from "../../../../services/common/errors.ts";
import { longestPiece, packWords, readCorpus, textOf } from "../../../../services/dataset/core/corpus.ts";
import { toyCorpus, toyText, toyTokens } from "./toy-corpus.ts";

describe("readCorpus", () => {
  const word = { length: 2, tokens: 1, isJoin: false, isOpening: false, canEnd: false };

  it("gives back what packWords packed", () => {
    const words = [
      { ...word, isOpening: true, canEnd: true },
      { ...word, length: 5, tokens: 15, isJoin: true },
    ];
    const corpus = readCorpus("It gone", packWords(words));
    expect([...corpus.charStart]).to.deep.equal([0, 2, 7]);
    expect([...corpus.tokenStart]).to.deep.equal([0, 1, 16]);
    expect([...corpus.joins]).to.deep.equal([1]);
    expect([...corpus.openings]).to.deep.equal([0]);
    expect([...corpus.canEnd]).to.deep.equal([1, 0]);
  });

  it("refuses a table of another text", () => {
    expect(() => readCorpus("abc", packWords([word]))).to.throw(AssayError, "3 characters, its table describes 2");
  });

  it("refuses to pack a word that does not fit two bytes", () => {
    expect(() => packWords([{ ...word, length: 256 }])).to.throw(AssayError, "256 characters");
    expect(() => packWords([word, { ...word, tokens: 16 }])).to.throw(AssayError, "word 1 has 2 characters and 16 tokens");
  });
});

describe("longestPiece", () => {
  const corpus = toyCorpus();
  const words = corpus.canEnd.length;

  it("takes as many words as fit and no more, and counts their tokens", () => {
    fc.assert(
      fc.property(fc.nat(words - 1), fc.integer({ min: 1, max: 80 }), (first, limit) => {
        const piece = longestPiece(corpus, first, limit);
        const fitting = Array.from({ length: words - first }, (_, index) => first + index + 1)
          .filter((end) => corpus.canEnd[end - 1] === 1)
          .filter((end) => toyTokens(textOf(corpus, { first, end, tokens: 0 })) <= limit);
        expect(piece?.end).to.equal(fitting.at(-1));
        if (piece) expect(piece.tokens).to.equal(toyTokens(textOf(corpus, piece)));
      }),
    );
  });

  it("gives nothing where not even the first word fits", () => {
    const philosophy = corpus.charStart.indexOf(toyText.indexOf(" philosophy"));
    expect(longestPiece(corpus, philosophy, 2)).to.equal(undefined);
    expect(longestPiece(corpus, philosophy, 3)).to.deep.equal({ first: philosophy, end: philosophy + 1, tokens: 3 });
  });

  it("does not end a piece with a line break", () => {
    const asleep = corpus.charStart.indexOf(toyText.indexOf(" asleep"));
    expect(textOf(corpus, longestPiece(corpus, asleep, 3) ?? expect.fail())).to.equal(" asleep");
  });
});
