import { expect } from "chai";
import fc from "fast-check";
import { jsonValues } from "../../../../../services/dataset/core/containers/json-values.ts";
import { itemsOf, placeIn, shownItems } from "./items.ts";

const limits = { maxRowBytes: 200, maxDocumentBytes: 2000 };
const read = (file: string | Uint8Array, cuts: readonly number[] = []): unknown[] =>
  shownItems(itemsOf(jsonValues(limits), file, cuts));

describe("JSON values", () => {
  const good: readonly (readonly [what: string, file: string, rows: readonly unknown[]])[] = [
    ["nothing", "", []],
    ["blanks and a byte order mark", "\ufeff \r\n\t", []],
    ["an empty array", " [ ] \n", []],
    ["the elements of an array", '[{"a":1},{"a":[2]}]', [{ a: 1 }, { a: [2] }]],
    [
      "an array over lines, with a mark and Windows line ends",
      '\ufeff[\r\n  {"a": 1},\r\n  {"a": 2}\r\n]\r\n',
      [{ a: 1 }, { a: 2 }],
    ],
    ["a document", '{"a": {"b": [1, {}]}}', [{ a: { b: [1, {}] } }]],
    ["a document over lines", '{\n  "a": "x",\n  "b": []\n}\n', [{ a: "x", b: [] }]],
    ["documents one after another", '{"a":1}{"a":2}\n\n{"a":3}', [{ a: 1 }, { a: 2 }, { a: 3 }]],
    ["texts with brackets and quotes in them", '[{"a":"]}\\"[{,\\\\"}]', [{ a: ']}"[{,\\' }]],
  ];
  for (const [what, file, rows] of good) it(`reads ${what}`, () => expect(read(file)).to.deep.equal(rows));

  const bad: readonly (readonly [what: string, file: string | Uint8Array, items: readonly unknown[]])[] = [
    ["an element that is no object", '[1, {"a":1}]', ["line 1, column 2: expected a JSON object, got 1", { a: 1 }]],
    ["a text between", '["x,]",{"a":1}]', ['line 1, column 2: expected a JSON object, got "x,]"', { a: 1 }]],
    ["a word that is none", "[\n nothing,\n{}]", ['line 2, column 2: expected a JSON object, got "n"', {}]],
    ["a missing comma", '[{"a":1}\n {"a":2}]', [{ a: 1 }, 'line 2, column 2: expected a comma or ], got "{"', { a: 2 }]],
    ["a comma too many", "[{},,{}]", [{}, 'line 1, column 5: expected a JSON object, got ","', {}]],
    ["a comma at the end", "[{},]", [{}, 'line 1, column 5: expected a JSON object, got "]"']],
    ["the end too early", "[{},\n", [{}, "line 2, column 1: expected a JSON object, got the end of the file"]],
    ["the end of an array that is missing", "[{}", [{}, "line 1, column 4: expected a comma or ], got the end of the file"]],
    ["more after an array", "[{}]\n x y", [{}, 'line 2, column 2: expected nothing more after the array, got "x"']],
    ["a broken element", '[{"a" 1},{"a":2}]', ['line 1, column 7: expected a colon, got "1"', { a: 2 }]],
    ["a bracket of the wrong kind", '[{"a":[1}},{}]', ['line 1, column 9: expected a comma or ], got "}"', {}]],
    [
      "a mistake in a later line of an element",
      '[\n{"a": 1,\n  "ü": x},\n{}]',
      ['line 3, column 8: expected a value, got "x"', {}],
    ],
    ["a document that breaks off", '{\n "a": [1,\n', ["line 3, column 1: expected a value, got the end of the file"]],
    [
      "a text that is not closed, without the rows that follow",
      '[{"a":"x},\n{"a":2}},\n{"a":3}]',
      [
        'line 1, column 11: expected no control character in a string, unless it is written as \\u and four digits, got "\\n"',
        { a: 3 },
      ],
    ],
    [
      "an element that is too long",
      `[{"a":"${"x".repeat(300)}"},{"a":1}]`,
      ["line 1, column 2: a row has 200 bytes at most", { a: 1 }],
    ],
    ["a document that is too long", `{"a":"${"x".repeat(3000)}"}`, ["line 1, column 1: a row has 2000 bytes at most"]],
    [
      "bytes that are no UTF-8",
      Buffer.concat([Buffer.from('[{"ü":"'), Buffer.from([0xff]), Buffer.from('"},{}]')]),
      ["line 1, column 8: expected UTF-8, got a byte that belongs to no character", {}],
    ],
  ];
  for (const [what, file, items] of bad) it(`says where ${what} stands`, () => expect(read(file)).to.deep.equal(items));

  it("knows where each field begins", () => {
    const [one, other] = itemsOf(jsonValues(limits), '[\n  {"ü": 1, "b": 2},\n  {\n    "b": {"b": 1}\n  }\n]');
    expect([placeIn(one, undefined), placeIn(one, "ü"), placeIn(one, "b")]).to.deep.equal(["2:3", "2:4", "2:12"]);
    expect([placeIn(other, undefined), placeIn(other, "b")]).to.deep.equal(["3:3", "4:5"]);
  });

  it("reads what JSON.stringify writes, however it is cut into pieces", () => {
    const value = fc.dictionary(fc.string({ unit: "binary" }), fc.jsonValue());
    const file = fc.tuple(fc.array(value), fc.constantFrom(0, 1, 2, "\t"));
    fc.assert(
      fc.property(file, fc.array(fc.nat(500)), fc.boolean(), ([values, indent], cuts, isArray) => {
        const text = isArray
          ? JSON.stringify(values, null, indent)
          : values.map((each) => JSON.stringify(each, null, indent)).join("\n");
        const seen = shownItems(itemsOf(jsonValues({ maxRowBytes: 1e6, maxDocumentBytes: 1e6 }), text, cuts));
        expect(seen).to.deep.equal(JSON.parse(JSON.stringify(values)));
      }),
    );
  });

  it("finds the same mistakes however a file is cut into pieces", () => {
    const piece = fc.constantFrom("[", "]", "{", "}", '"', ",", ":", "a", "\\", "\n", " ", "1", "ü", '{"a":1}');
    fc.assert(
      fc.property(fc.array(piece), fc.array(fc.nat(40)), (pieces, cuts) => {
        const file = pieces.join("");
        expect(read(file, cuts)).to.deep.equal(read(file));
      }),
      { numRuns: 1000 },
    );
  });

  it("holds one element at a time", () => {
    const container = jsonValues({ maxRowBytes: 1 << 22, maxDocumentBytes: 1 << 22 });
    let rows = 0;
    const row = Buffer.from(`{"a":"${"x".repeat(1 << 20)}"},`);
    container.push(Buffer.from("["), () => {});
    const before = process.memoryUsage().arrayBuffers;
    for (let index = 0; index < 512; index++) container.push(row, () => rows++);
    expect(rows).to.equal(512);
    expect(process.memoryUsage().arrayBuffers - before).to.be.lessThan(256 << 20);
  });
});
