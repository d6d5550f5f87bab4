import { expect } from "chai";
import fc from "fast-check";
import { columnOf, surveyJson } from "../../../../services/dataset/core/json-survey.ts";

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** A text of JSON's own pieces in any order, or JSON with a piece put in or taken out. */
const piece = fc.constantFrom(
  "{",
  "}",
  "[",
  "]",
  ",",
  ":",
  '"',
  '"a"',
  '"\\u00e9"',
  '"\\x"',
  "1",
  "-",
  "0",
  "01",
  "1.",
  "1e5",
  ".5",
  "true",
  "nul",
  "\\",
  "\n",
  " ",
  "\u00a0",
  "ü",
);
const anyText = fc.oneof(
  fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join("")),
  fc.tuple(fc.json(), fc.nat(), piece, fc.boolean()).map(([text, at, inserted, isRemoved]) => {
    const place = at % (text.length + 1);
    return text.slice(0, place) + inserted + text.slice(place + (isRemoved ? 1 : 0));
  }),
  fc.json(),
);

describe("surveyJson", () => {
  it("finds a mistake exactly where JSON.parse would throw", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const { mistake } = surveyJson(text);
        expect(mistake === undefined, JSON.stringify(text)).to.equal(isJson(text));
      }),
      { numRuns: 5000 },
    );
  });

  it("finds it no later than the text could still become JSON", () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 3 }), fc.nat(), (text, at) => {
        const whole = text.trim();
        const cut = at % whole.length;
        const { mistake } = surveyJson(whole.slice(0, cut));
        // A number or an end may be complete before the text is.
        if (mistake !== undefined) expect(mistake.offset).to.be.at.most(cut);
      }),
    );
  });

  const mistakes: readonly (readonly [text: string, offset: number, expected: string])[] = [
    ["", 0, "a value"],
    ["  x", 2, "a value"],
    ["{", 1, "a name in double quotes, or }"],
    ["{a:1}", 1, "a name in double quotes, or }"],
    ["{'a':1}", 1, "a name in double quotes, or }"],
    ['{"a" 1}', 5, "a colon"],
    ['{"a":}', 5, "a value"],
    ['{"a":1 "b":2}', 7, "a comma or }"],
    ['{"a":1,}', 7, "a name in double quotes"],
    ["[1 2]", 3, "a comma or ]"],
    ["[,]", 1, "a value or ]"],
    ["[1,]", 3, "a value"],
    ['{"a":"b', 7, "a closing quote"],
    ['{"a":"\t"}', 6, "no control character in a string, unless it is written as \\u and four digits"],
    ['{"a":"\\q"}', 6, "an escape that JSON knows"],
    ['{"a":"\\u12g4"}', 6, "an escape that JSON knows"],
    ['{"a":1} {', 8, "nothing more"],
    ['{"a":True}', 5, "a value"],
    ['{"a":NaN}', 5, "a value"],
    ['{"a":01}', 6, "a comma or }"],
  ];
  for (const [text, offset, expected] of mistakes) {
    it(`expects ${expected} at ${offset} of ${JSON.stringify(text)}`, () => {
      expect(surveyJson(text).mistake).to.deep.equal({ offset, expected });
    });
  }

  it("knows where the outermost object's members are, and no others", () => {
    const text = ' {"a": {"b": 1}, "c\\u0064": ["e", {"f": 2}], "a": 3}';
    expect([...surveyJson(text).members]).to.deep.equal([
      ["a", text.lastIndexOf('"a"')],
      ["cd", text.indexOf('"c')],
    ]);
  });

  it("takes a text of any depth", () => {
    const deep = 200_000;
    expect(surveyJson("[".repeat(deep)).mistake).to.deep.equal({ offset: deep, expected: "a value or ]" });
  });
});

describe("columnOf", () => {
  it("counts characters from 1", () => {
    expect([columnOf("aü🚂x", 0), columnOf("aü🚂x", 2), columnOf("aü🚂x", 4), columnOf("aü🚂x", 5)]).to.deep.equal([1, 3, 4, 5]);
  });
});
