import { expect } from "chai";
import fc from "fast-check";
import { AssayError } from "../../../../../services/common/errors.ts";
import { PageReader, type PageReading } from "../../../../../services/telemetry/core/exposition/page-reader.ts";

/** What a page says, without what the reader keeps of it. */
function said({ lines, values, timestampsMs }: PageReading<never>) {
  return lines.map(({ name, labels }, at) => [name, [...labels], values[at], timestampsMs?.[at] ?? Number.NaN]);
}

function outcomeOf(reader: PageReader<never>, page: string): unknown {
  try {
    return said(reader.read(page));
  } catch (error) {
    expect(error).to.be.instanceOf(AssayError).with.property("reason", "METRICS_PAGE_SYNTAX");
    return String(error);
  }
}

/** Lines that are nearly each other's prefixes, and such as are none. */
const line = fc.oneof(
  fc.constantFrom(
    "m 1",
    "m  2",
    "m{} 3",
    "m{}4",
    'm{a="b"} 5',
    'm{a="b"}5',
    'm{a="b"} 5",c="d"} 7',
    'm{a="b"} x"} 6',
    'm{a="b",c="d"} 7.5',
    'm {a="b"} 8',
    "m 1 1000",
    'm{a="b"} 1 2.5',
    'm{a="b"} 1 # {t="x"} 3',
    "m1 1",
    "# TYPE m gauge",
    "# TYPE m counter",
    "# HELP m some help",
    "#",
    "",
    " m 1",
    "# EOF",
  ),
  fc.string({ unit: fc.constantFrom("m", "{", "}", '"', "=", ",", " ", "1", ".", "#", "\\", "a", "é", "\n"), maxLength: 12 }),
);
const page = fc.array(line, { maxLength: 8 }).map((lines) => lines.map((each) => `${each}\n`).join(""));

describe("a page read again and again", () => {
  it("says what it says to one who reads it for the first time, whatever was read before", () => {
    fc.assert(
      fc.property(fc.array(page, { minLength: 2, maxLength: 6 }), (pages) => {
        const reader = new PageReader<never>();
        for (const each of pages) expect(outcomeOf(reader, each)).to.deep.equal(outcomeOf(new PageReader<never>(), each));
      }),
      { numRuns: 3000 },
    );
  });

  it("has one object for a line, wherever it stands", () => {
    const reader = new PageReader<number>();
    const [one, other] = reader.read('a 1\nb{x="y"} 2\n').lines;
    const again = reader.read('b{x="y"} 3\nc 1\na 4\n');
    expect(again.lines[0]).to.equal(other);
    expect(again.lines[2]).to.equal(one);
    expect(again.isNew).to.equal(true);
    expect(reader.read('b{x="y"} 3\nc 1\na 4\n').isNew).to.equal(false);
  });

  it("tells when comments say something else", () => {
    const reader = new PageReader<never>();
    const news = ["# TYPE a gauge\na 1\n", "# TYPE a gauge\na 2\n", "# TYPE a counter\na 3\n", "a 4\n", "# HELP a text\na 5\n"];
    expect(news.map((each) => reader.read(each).hasNewFamilies)).to.deep.equal([true, false, true, false, true]);
    expect(reader.families.get("a")).to.deep.equal({ type: "counter", help: "text", unit: undefined });
  });

  it("refuses a page that gives a family two types, and a name with something behind it", () => {
    const reader = new PageReader<never>();
    expect(() => reader.read("# TYPE a gauge\n# TYPE a counter\n")).to.throw("expected no second type of a");
    expect(said(reader.read("# TYPE a gauge\n# TYPE a gauge\na 1\n"))).to.have.lengthOf(1);
    expect(() => reader.read("# HELP a.b text\n")).to.throw("line 1, column 9: expected a blank");
  });

  it("checks exemplars and drops them", () => {
    const reader = new PageReader<never>();
    expect(said(reader.read('a{x="y"} 4 # {t="1",u="2"} 0.5 1.25\n'))).to.deep.equal([["a", ["x", "y"], 4, Number.NaN]]);
    for (const wrong of ["# {t=1} 0.5", '# {t="1"}', '# {t="1",t="2"} 1', "# text", '# {"n"} 1', '# {t="1"} 1 2 3']) {
      expect(() => reader.read(`a 4 ${wrong}\n`), wrong).to.throw(AssayError, "line 1, column");
    }
  });

  it("reads any bytes or throws its own error", () => {
    const reader = new PageReader<never>();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        outcomeOf(reader, new TextDecoder().decode(bytes));
      }),
      { numRuns: 2000 },
    );
  });

  it("keeps no more than a bounded number of lines of pages that are never the same", () => {
    const reader = new PageReader<number>();
    const pageOf = (from: number) => Array.from({ length: 100 }, (_, at) => `m{id="${from + at}"} 1\n`).join("");
    const [first] = reader.read(pageOf(0)).lines;
    for (let from = 100; from < 10_000; from += 100) reader.read(pageOf(from));
    expect(reader.read(pageOf(0)).lines[0]).not.to.equal(first);
  });
});
