import { expect } from "chai";
import { parse } from "csv-parse/sync";
import { stringify } from "csv-stringify/sync";
import fc from "fast-check";
import { csvRows } from "../../../../../services/dataset/core/containers/csv-rows.ts";
import { itemsOf, placeIn, shownItems } from "./items.ts";

const read = (file: string | Uint8Array, cuts: readonly number[] = []): unknown[] =>
  shownItems(itemsOf(csvRows(1000), file, cuts));

describe("CSV rows", () => {
  const good: readonly (readonly [what: string, file: string, rows: readonly unknown[]])[] = [
    ["nothing", "", []],
    ["a header alone", "a,b\n", []],
    ["a row without a line end", "a,b\n1,x", [{ a: "1", b: "x" }]],
    ["Windows line ends and a byte order mark", "\ufeffa,b\r\n1,x\r\n", [{ a: "1", b: "x" }]],
    ["blank lines", "\na\n\n1\n \n2\n", [{ a: "1" }, { a: "2" }]],
    ["empty fields as none", 'a,b,c\n,"",x\n', [{ c: "x" }]],
    ["commas and quotes in quotes", 'a,b\n"x,y","say ""hi"""\n', [{ a: "x,y", b: 'say "hi"' }]],
    ["a field over several lines, as it stands", 'a,b\n"x\r\ny\n\nz",2\n', [{ a: "x\r\ny\n\nz", b: "2" }]],
    ["a quote within a bare field", 'a,b\n5" disk,2\n', [{ a: '5" disk', b: "2" }]],
    ["spaces as they stand", "a,b\n x ,y\n", [{ a: " x ", b: "y" }]],
    ["a column without a name as none", ",a\n0,x\n", [{ a: "x" }]],
    ["a name that objects have", "__proto__,a\n1,2\n", [JSON.parse('{"__proto__":"1","a":"2"}')]],
  ];
  for (const [what, file, rows] of good) it(`reads ${what}`, () => expect(read(file)).to.deep.equal(rows));

  const bad: readonly (readonly [what: string, file: string | Uint8Array, items: readonly unknown[]])[] = [
    ["another delimiter", "a;b\n1;2\n", ['line 1, column 1: expected a header with commas between its fields, got ";"']],
    ["tabs", "a\tb\n1\t2\n", ['line 1, column 1: expected a header with commas between its fields, got "\\t"']],
    ["a name twice", "a,b,a\n1,2,3\n", ['line 1, column 5: the header names "a" twice']],
    ["too few fields", "a,b\n1\n2,x\n", ["line 2, column 1: expected 2 fields as in the header, got 1", { a: "2", b: "x" }]],
    ["too many fields", "a,b\n1,2,3\n", ["line 2, column 1: expected 2 fields as in the header, got 3"]],
    [
      "text after a closing quote",
      'a,b\nü,"x"y\n3,4\n',
      ['line 2, column 6: expected a comma or the end of the line after a closing quote, got "y"', { a: "3", b: "4" }],
    ],
    [
      "a quote that is never closed",
      'a,b\n1,2\n3,"x\ny\n',
      [{ a: "1", b: "2" }, "line 3, column 3: expected a closing quote, got the end of the file"],
    ],
    [
      "a quote that is not closed within a row",
      `a\n"${"x".repeat(600)}\n${"y".repeat(600)}\n1\n`,
      ["line 2, column 1: a row has 1000 bytes at most, and the quote that begins here is not closed within them", { a: "1" }],
    ],
    ["a long row", `a\n${"x".repeat(2000)}\n1\n`, ["line 2, column 1: a row has 1000 bytes at most", { a: "1" }]],
    [
      "bytes that are no UTF-8",
      Buffer.from([0x61, 0x0a, 0x62, 0xff, 0x0a, 0x63, 0x0a]),
      ["line 2, column 2: expected UTF-8, got a byte that belongs to no character", { a: "c" }],
    ],
  ];
  for (const [what, file, items] of bad) it(`says where ${what} stands`, () => expect(read(file)).to.deep.equal(items));

  it("knows where each field begins, also in later lines of a row", () => {
    const [one, other] = itemsOf(csvRows(1000), 'a,b,c\r\n1,"x\r\nyü",zz\r\n4,5,6\r\n');
    expect([placeIn(one, "a"), placeIn(one, "b"), placeIn(one, "c")]).to.deep.equal(["2:1", "2:3", "3:5"]);
    expect([placeIn(other, undefined), placeIn(other, "c"), placeIn(other, "gone")]).to.deep.equal(["4:1", "4:5", "4:1"]);
  });

  const text = fc.stringMatching(/^[ab",;ü🚂 \r\n]*$/u);
  const table = fc
    .integer({ min: 1, max: 4 })
    .chain((columns) => fc.array(fc.array(text, { minLength: columns, maxLength: columns })));

  it("reads what others write, however it is cut into pieces", () => {
    fc.assert(
      fc.property(table, fc.array(fc.nat(200)), fc.boolean(), (rows, cuts, quoted) => {
        const names = (rows[0] ?? []).map((_, index) => `name ${index}`);
        const file = stringify([names, ...rows], { quoted, quoted_match: /[\r\n"]|^\s*$/, record_delimiter: "\n" });
        const expected = rows.map((row) =>
          Object.fromEntries(row.flatMap((value, index) => (value === "" ? [] : [[names[index], value]]))),
        );
        // An empty row of one column is a blank line.
        const seen = read(file, cuts).filter((row) => Object.keys(row as object).length > 0);
        expect(seen).to.deep.equal(expected.filter((row) => Object.keys(row).length > 0));
      }),
    );
  });

  it("reads as csv-parse does what that accepts", () => {
    const cell = fc.constantFrom("x", "1", '"a,b"', '"c""d"', '"e\nf"', "", " y ");
    const lines = fc.array(fc.tuple(cell, cell), { minLength: 1 });
    fc.assert(
      fc.property(lines, (cells) => {
        const file = `a,b\n${cells.map((row) => row.join(",")).join("\n")}\n`;
        const theirs = parse(file, { columns: true }) as Record<string, string>[];
        const own = theirs.map((row) => Object.fromEntries(Object.entries(row).filter(([, value]) => value !== "")));
        expect(read(file)).to.deep.equal(own);
      }),
    );
  });
});
