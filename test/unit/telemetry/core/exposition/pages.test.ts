import { expect } from "chai";
import fc from "fast-check";
import { AssayError } from "../../../../../services/common/errors.ts";
import { type FamilyType, type PageSample, parseMetricsPage } from "../../../../support/metrics-page.ts";

const only = (text: string): PageSample => {
  const { samples } = parseMetricsPage(text);
  expect(samples).to.have.lengthOf(1);
  return samples[0] as PageSample;
};
const labelsOf = (text: string) => Object.fromEntries(only(text).labels);

describe("parseMetricsPage", () => {
  it("reads names, labels, values and timestamps, with blanks wherever the format allows them", () => {
    for (const line of [
      'http_requests_total{method="post",code="200"} 1027 1395066363000\n',
      'http_requests_total {method="post", code="200"} 1027 1395066363000\n',
      '  http_requests_total{ method = "post" ,\tcode="200" , }\t1027  1395066363000 \n',
      'http_requests_total{method="post",code="200",}1027 1395066363000\n',
      '{"http_requests_total",method="post",code="200"} 1027 1395066363000\n',
    ]) {
      expect(only(line), line).to.deep.equal({
        name: "http_requests_total",
        labels: new Map([
          ["method", "post"],
          ["code", "200"],
        ]),
        value: 1027,
        timestampMs: 1395066363000,
      });
    }
  });

  it("reads a sample without labels and without a timestamp", () => {
    expect(only("up 1\n")).to.deep.equal({ name: "up", labels: new Map(), value: 1, timestampMs: undefined });
    expect(only("vllm:num_requests_running{} 0\n").name).to.equal("vllm:num_requests_running");
  });

  const values: [string, number][] = [
    ["0", 0],
    ["-3.5", -3.5],
    ["+7", 7],
    ["1e9", 1e9],
    ["2.5E-3", 0.0025],
    [".5", 0.5],
    ["5.", 5],
    ["NaN", Number.NaN],
    ["+Inf", Number.POSITIVE_INFINITY],
    ["-Inf", Number.NEGATIVE_INFINITY],
    ["inf", Number.POSITIVE_INFINITY],
    ["-infinity", Number.NEGATIVE_INFINITY],
    ["0x1p-2", 0.25],
    ["-0X1.8p3", -12],
    ["9223372036854775794", 2 ** 63],
  ];
  for (const [text, value] of values) {
    it(`reads ${text} as ${value}`, () => expect(only(`m ${text}\n`).value).to.deep.equal(value));
  }

  it("keeps types and help texts wherever they stand, and other comments out", () => {
    const page = parseMetricsPage(
      'a_bucket{le="+Inf"} 1\n# TYPE a histogram\n#\n# a comment {\n\n#EOFF\n# HELP a one\\ntwo \\\\ "three"\n# HELP b \n# TYPE b gauge\nb 2\n',
    );
    expect(page.types).to.deep.equal(
      new Map<string, FamilyType>([
        ["a", "histogram"],
        ["b", "gauge"],
      ]),
    );
    expect(page.helps).to.deep.equal(
      new Map([
        ["a", 'one\ntwo \\ "three"'],
        ["b", ""],
      ]),
    );
    expect(page.samples.map((sample) => sample.name)).to.deep.equal(["a_bucket", "b"]);
  });

  it("takes an empty page", () => {
    expect(parseMetricsPage("").samples).to.deep.equal([]);
    expect(parseMetricsPage("\n \n").samples).to.deep.equal([]);
  });

  it("ignores exemplars and reads timestamps of an OpenMetrics page as seconds", () => {
    const text = '# TYPE a counter\na_total{x="y"} 17 1520879607.789 # {trace="Kx}#"} 9.8 1520879607\n# EOF\n';
    expect(only(text)).to.deep.include({ name: "a_total", value: 17, timestampMs: 1520879607789 });
    expect(only('a_bucket{le="1"} 4 # {trace="t"} 0.5\n').value).to.equal(4);
    expect(only("a 1\n# EOF").value).to.equal(1);
  });

  it("reads quoted names and label names", () => {
    const sample = only('{"my.metric", "host.name" = "n1", l="v"} 1\n');
    expect(sample.name).to.equal("my.metric");
    expect(Object.fromEntries(sample.labels)).to.deep.equal({ "host.name": "n1", l: "v" });
  });

  it("resolves escapes in label values and leaves unknown ones as they are", () => {
    expect(labelsOf('m{a="1\\"2\\\\3\\n4\\d",b="}"} 1\n')).to.deep.equal({ a: '1"2\\3\n4\\d', b: "}" });
  });

  it("reads label values whose quotes are not escaped", () => {
    const line = 'm{err_msg="page fault ("MMU"), see "C:\\docs", "it" , or } 5",pod="a", q="""} 31\n';
    expect(labelsOf(line)).to.deep.equal({ err_msg: 'page fault ("MMU"), see "C:\\docs", "it" , or } 5', pod: "a", q: '"' });
  });

  it("reads a very long label value and a page of many quotes without trouble", () => {
    const long = "x".repeat(2_000_000);
    expect(only(`m{a="${long}"} 1\n`).labels.get("a")).to.equal(long);
    const quotes = `${'" '.repeat(50_000)}x`;
    expect(only(`m{a="${quotes}"} 1\n`).labels.get("a")).to.equal(quotes);
  });

  const errors: [string, string, string][] = [
    ["an HTML page", "<html>\n", 'line 1, column 1: expected a metric name, got "<html>\\n"'],
    ["a JSON document", '{"error": "none"}\n', "line 1, column 9: expected , or }, got"],
    ["a missing value", 'up 1\nm{a="b"}\n', "line 2, column 9: expected a value"],
    ["a value that is no number", "m 1x\n", 'line 1, column 3: expected a value, got "1x\\n"'],
    ["a number with half an exponent", "m 1e\n", "line 1, column 3: expected a value"],
    ["something after the timestamp", "m 1 2 3\n", "line 1, column 7: expected the end of the line"],
    ["a page that was cut short", "m 1\nm 7", "line 2, column 4: expected the end of the line, got nothing"],
    ["a label value without its end", 'm{a="b\n', 'line 1, column 7: expected " at the end of the label value'],
    ["a label without a value", 'm{a,b="c"} 1\n', "line 1, column 4: expected =, got"],
    ["labels without their end", 'm{a="b", \n', 'line 1, column 10: expected " at the end of the label value'],
    ["a label name that begins with a digit", 'm{1a="b"} 1\n', "line 1, column 3: expected a label name"],
    ["a label given twice", 'm{a="b",a="c"} 1\n', "line 1, column 11: expected no second label a"],
    ["no name at all", "{} 1\n", "line 1, column 3: expected a metric name"],
    ["an unknown type", "# TYPE m gouge\n", 'line 1, column 10: expected a metric type, got "gouge\\n"'],
    ["a type without a name", "# TYPE \n", "line 1, column 8: expected a metric name"],
    ["something after the end mark", "# EOF\nm 1\n", "line 2, column 1: expected nothing after # EOF"],
    ["two names", 'm{"n"} 1\n', "line 1, column 6: expected ="],
  ];
  for (const [what, text, message] of errors) {
    it(`says where ${what} goes wrong`, () => {
      expect(() => parseMetricsPage(text)).to.throw(AssayError, message);
    });
  }

  it("gives line and column to programs", () => {
    const thrown = (() => {
      try {
        return parseMetricsPage("a 1\nb ?\n");
      } catch (error) {
        return error;
      }
    })();
    expect(thrown).to.deep.include({
      code: "invalid_argument",
      reason: "METRICS_PAGE_SYNTAX",
      metadata: { line: "2", column: "3" },
    });
  });

  it("reads back whatever a correct printer prints", () => {
    fc.assert(
      fc.property(fc.array(sample, { maxLength: 8 }), fc.constantFrom("", " ", "\t "), (samples, blank) => {
        const page = samples.map((one) => print(one, blank)).join("");
        expect(parseMetricsPage(page).samples).to.deep.equal(samples);
      }),
    );
  });

  it("reads any text or throws its own error, never another", () => {
    const piece = fc.constantFrom(
      '"',
      "\\",
      "{",
      "}",
      ",",
      "=",
      " ",
      "\n",
      "#",
      "a",
      "le",
      "1",
      "-",
      ".5",
      "e3",
      "NaN",
      "# EOF",
      "# TYPE ",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        try {
          parseMetricsPage(pieces.join(""));
        } catch (error) {
          expect(error).to.be.instanceOf(AssayError);
        }
      }),
      { numRuns: 500 },
    );
  });
});

const name = fc.stringMatching(/^[a-zA-Z_:][\w:]{0,12}$/);
const labelName = fc.stringMatching(/^[a-zA-Z_]\w{0,8}$/);
const labelValue = fc.string({
  unit: fc.oneof(fc.constantFrom('"', "\\", "\n", ",", "}", "=", "#", " "), fc.string({ maxLength: 1 })),
});
const sample: fc.Arbitrary<PageSample> = fc.record({
  name,
  labels: fc
    .uniqueArray(fc.tuple(labelName, labelValue), { selector: ([label]) => label, maxLength: 4 })
    .map((all) => new Map(all)),
  value: fc.double().map((value) => (Object.is(value, -0) ? 0 : value)),
  timestampMs: fc.option(fc.maxSafeInteger(), { nil: undefined }),
});

function print({ name, labels, value, timestampMs }: PageSample, blank: string): string {
  const escaped = (text: string) => text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
  const inner = Array.from(labels, ([label, text]) => `${label}${blank}=${blank}"${escaped(text)}"`).join(`${blank},${blank}`);
  const number = Number.isFinite(value) ? String(value) : Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
  return `${name}${blank}{${inner}}${blank} ${number}${timestampMs === undefined ? "" : ` ${timestampMs}`}${blank}\n`;
}
