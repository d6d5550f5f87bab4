import { expect } from "chai";
import fc from "fast-check";
import { shownProblem } from "../../../../services/common/text-cursor.ts";
import { deepestFilter, type Filter, mostComparisons, readFilter } from "../../../../services/records-manager/core/filter.ts";
import { filterColumns, filterField } from "../../../../services/records-manager/core/filter-fields.ts";
import { filterSql } from "../../../../services/records-manager/core/filter-sql.ts";
import { requestColumns, STAMPS_COLUMN } from "../../../../services/records-manager/store/schema.ts";
import { METRIC_TAGS } from "../records.ts";

const run = { hasColumn: () => true, targetLabels: ["a", "Berlin"] };

function read(text: string): Filter {
  const result = readFilter(text);
  if ("problem" in result) throw new Error(shownProblem(text, result.problem));
  return result.filter;
}

function sqlOf(text: string): [sql: string, ...parameters: (number | string)[]] {
  const { sql, parameters } = filterSql(read(text), run);
  return [sql, ...parameters];
}

describe("filters of records", () => {
  const rows: readonly [text: string, sql: string, ...parameters: (number | string)[]][] = [
    ["ttft > 200ms", 'ifnull("time_to_first_token" > ?, 0)', 200],
    ["ttft > 0.2 s", 'ifnull("time_to_first_token" > ?, 0)', 200],
    ["time_to_first_token<=1.5e3us", 'ifnull("time_to_first_token" <= ?, 0)', 1.5],
    ["osl >= 90 tokens", 'ifnull("output_sequence_length" >= ?, 0)', 90],
    ["osl_mismatch_diff_pct < -5%", 'ifnull("osl_mismatch_diff_pct" < ?, 0)', -5],
    ["end_ns > 1ms", 'ifnull("end_ns" > ?, 0)', 1e6],
    ["response_bytes > 2 KB", 'ifnull("response_bytes" > ?, 0)', 2048],
    ["turn = 1", '("turn" IS ?)', 1],
    ["turn != 1", '("turn" IS NOT ?)', 1],
    ['error = ""', "(ifnull(\"error_code\", '') = ?)", ""],
    ['error_message ~ "say \\"no\\" \\\\"', "(instr(lower(ifnull(\"error_message\", '')), lower(?)) > 0)", 'say "no" \\'],
    ["cancelled = TRUE", '("is_cancelled" IS ?)', 1],
    ["ttft = none", '("time_to_first_token" IS NULL)'],
    ["error != none", "(NOT (ifnull(\"error_code\", '') = ''))"],
    ['phase = "warmup"', '("phase" IN (SELECT phase FROM phases WHERE (name = ?)))', "warmup"],
    ["phase = 1", '("phase" IS ?)', 1],
    ['conversation != "c"', '("conversation" NOT IN (SELECT conversation FROM conversations WHERE (name = ?)))', "c"],
    ['target = "a"', '("target" IN (?))', 0],
    ['target ~ "bER"', '("target" IN (?))', 1],
    ['target = "nope"', '("target" IN ())'],
    [
      'ttft > 200ms AND error = "" and turn >= 1 OR NOT (target = "a")',
      '((ifnull("time_to_first_token" > ?, 0) AND (ifnull("error_code", \'\') = ?) AND ifnull("turn" >= ?, 0)) OR (NOT ("target" IN (?))))',
      200,
      "",
      1,
      0,
    ],
  ];
  for (const [text, ...expected] of rows) {
    it(`become SQL with what was written as parameters: ${text}`, () => expect(sqlOf(text)).to.deep.equal(expected));
  }

  const wrong: readonly [text: string, message: string, caret: string][] = [
    ["", "expected a field, NOT or (", "^"],
    ["ttftt > 1", "unknown field ttftt, did you mean ttft?", "^"],
    ["turn = 1 AND modle = 1", "unknown field modle, did you mean model?", "             ^"],
    ["constructor = 1", "unknown field constructor", "^"],
    ["ttft 5", "expected =, !=, <, <=, >, >= or ~", "     ^"],
    ["ttft ~ 5", "ttft is a number: expected =, !=, <, <=, > or >=", "     ^"],
    ['error < "a"', "error is a text: expected =, != or ~", "      ^"],
    ["ttft > 5 parsec", "unknown unit parsec: ttft is in ns, us, µs, ms, s, sec, min", "         ^"],
    ["ttft > 5 constructor", "unknown unit constructor: ttft is in ns, us, µs, ms, s, sec, min", "         ^"],
    ["turn > 5ms", "unknown unit ms: turn has no unit", "        ^"],
    ['ttft > "5"', "expected a number", "       ^"],
    ["error = timeout", "expected a text in double quotes", "        ^"],
    ['error = "a', 'a text that begins here has no end; \\" and \\\\ stand for " and \\ in it', "        ^"],
    ["cancelled = 1", "expected true or false", "            ^"],
    ["target = b", "expected a text in double quotes or a number", "         ^"],
    ["(turn = 1", "expected AND, OR or )", "         ^"],
    ["turn = 1)", "expected AND, OR or the end", "        ^"],
    ["turn = 1; DROP TABLE run", "expected AND, OR or the end", "        ^"],
    ["turn = 1 AND", "expected a field, NOT or (", "            ^"],
  ];
  for (const [text, message, caret] of wrong) {
    it(`are refused with a caret under what does not fit: ${text}`, () => {
      const result = readFilter(text);
      if ("filter" in result) throw new Error("it was read");
      expect(shownProblem(text, result.problem)).to.equal(`${message}\n    ${text}\n    ${caret}`);
    });
  }

  it("are shown around what does not fit where they are long, the caret under it whatever is wide before it", () => {
    const shown = (text: string): string[] => {
      const result = readFilter(text);
      return "filter" in result ? [] : shownProblem(text, result.problem).split("\n");
    };
    const [message, line = "", caret = ""] = shown(`${"turn = 1 AND ".repeat(50)}foo = 1${" AND turn = 1".repeat(50)}`);
    expect(message).to.equal("unknown field foo");
    expect(line).to.match(/^ {4}… .*foo = 1 AND .* …$/);
    expect(line.length).to.be.at.most(160);
    expect(caret.indexOf("^")).to.equal(line.indexOf("foo"));
    expect(shown('model = "日本🦊e\u0301\u001b\n" AND foo = 1')).to.deep.equal([
      "unknown field foo",
      '    model = "日本🦊e\u0301\ufffd " AND foo = 1',
      `    ${" ".repeat('model = "xxxxxxe. " AND '.length)}^`,
    ]);
  });

  it("are bounded in depth and in length", () => {
    expect(readFilter(`${"NOT ".repeat(deepestFilter)}turn = 1`)).to.have.property("filter");
    expect(readFilter(`${"(".repeat(1e5)}turn = 1`)).to.deep.include({
      problem: { message: "more than 100 levels of NOT and (", at: deepestFilter },
    });
    const many = (count: number) => Array(count).fill("turn = 1").join(" OR ");
    expect(readFilter(many(mostComparisons))).to.have.property("filter");
    expect(readFilter(many(mostComparisons + 1))).to.have.property("problem");
  });

  it("name every column that a run has, but the stamps, and every metric of a request", () => {
    const named = requestColumns.filter((column) => column !== STAMPS_COLUMN);
    expect(Object.keys(filterColumns)).to.have.members(named);
    for (const tag of METRIC_TAGS) expect(filterField(tag)).to.include({ column: tag, isMetric: true });
  });

  it("are read or refused at a place in the text, whatever it is", () => {
    const words = fc.constantFrom(
      "ttft",
      ">",
      "=",
      "~",
      "5",
      "ms",
      "AND",
      "OR",
      "NOT",
      "(",
      ")",
      '"',
      '"x"',
      "error",
      "target",
      "\\",
      ";",
      "--",
    );
    const texts = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.array(words).map((each) => each.join(" ")),
    );
    fc.assert(
      fc.property(texts, (text) => {
        const result = readFilter(text);
        if ("filter" in result) return;
        expect(result.problem.at).to.be.within(0, text.length);
        expect(result.problem.message).not.to.equal("");
      }),
    );
  });

  it("put nothing that was written into the SQL", () => {
    const ownWords =
      /"[a-z0-9_]+"|''|\b(?:ifnull|instr|lower|IS|NOT|NULL|AND|OR|IN|SELECT|FROM|WHERE|phase|phases|conversation|conversations|name)\b|[<>=]+|[?,() 0]/g;
    const texts = fc.string({ unit: "binary" });
    const comparison = fc.oneof(
      fc
        .tuple(
          fc.constantFrom("error", "model", "target", "phase", "conversation", "error_message"),
          fc.constantFrom("=", "!=", "~"),
          texts,
        )
        .map(([field, operator, value]) => `${field} ${operator} "${value.replaceAll(/["\\]/g, "\\$&")}"`),
      fc
        .tuple(
          fc.constantFrom("ttft", "turn", "osl", "phase"),
          fc.constantFrom("=", "!=", "<", ">="),
          fc.double({ noNaN: true, noDefaultInfinity: true }),
        )
        .map(([field, operator, value]) => `${field} ${operator} ${value}`),
    );
    const filters = fc.letrec<{ filter: string }>((tie) => ({
      filter: fc.oneof(
        { maxDepth: 4 },
        comparison,
        tie("filter").map((part) => `NOT (${part})`),
        fc.tuple(tie("filter"), fc.constantFrom("and", "OR"), tie("filter")).map(([a, word, b]) => `(${a}) ${word} ${b}`),
      ),
    })).filter;
    fc.assert(
      fc.property(filters, (text) => {
        const { sql, parameters } = filterSql(read(text), run);
        expect(sql.replaceAll(ownWords, "")).to.equal("");
        expect(sql.split("?")).to.have.length(parameters.length + 1);
        for (const [column] of sql.matchAll(/"[a-z0-9_]+"/g)) expect(filterField(column.slice(1, -1))).not.to.equal(undefined);
      }),
    );
  });
});
