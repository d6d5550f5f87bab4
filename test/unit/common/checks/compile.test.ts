import { expect } from "chai";
import { loadCompiler } from "../../../../services/common/checks/compile.ts";
import { type CheckKind, checkKinds } from "../../../../services/common/checks/expectation.ts";

const compile = await loadCompiler(checkKinds);
const reason = (check: CheckKind, values: readonly string[], answer: string): string | undefined =>
  compile({ check, values })(answer);

const person = JSON.stringify({
  type: "object",
  required: ["name"],
  properties: { name: { type: "string", pattern: "^[A-Z]" }, age: { type: "integer" } },
});

describe("a check of an answer", () => {
  const right: readonly (readonly [CheckKind, readonly string[], string])[] = [
    ["exact", ["Paris"], " Paris\n"],
    ["exact", ["Lyon", "Paris "], "Paris"],
    ["contains", ["Paris"], "It is Paris."],
    ["contains", ["Lyon", "Paris"], "It is Paris."],
    ["regex", ["\\bParis\\b"], "It is Paris."],
    ["regex", ["(?i)^paris"], "Paris it is"],
    ["regex", ["^\\p{L}+$"], "Žluťoučký"],
    ["json-schema", [person], ' {"name": "Ada", "age": 36}\n'],
    ["json-schema", ['{"type": "string"}', person], '{"name": "Ada"}'],
    ["json-schema", ['{"$schema": "http://json-schema.org/draft-07/schema#", "items": [{"const": 1}]}'], "[1, 2]"],
    ["json-schema", ['{"prefixItems": [{"const": 1}]}'], "[1, 2]"],
    ["json-schema", ['{"type": "string", "format": "email", "x-note": 1}'], '"no address"'],
  ];
  for (const [check, values, answer] of right) {
    it(`takes ${JSON.stringify(answer)} for ${check} of ${values.join(", ")}`, () => {
      expect(reason(check, values, answer)).to.equal(undefined);
    });
  }

  const wrong: readonly (readonly [CheckKind, readonly string[], string, string])[] = [
    ["exact", ["Paris"], "paris", 'is not "Paris"'],
    ["exact", ["a", "b", "c", "d"], "e", 'is none of "a", "b", "c", …'],
    ["contains", ["Paris"], "", 'does not contain "Paris"'],
    ["contains", ["a", "b"], "c", 'contains none of "a", "b"'],
    ["regex", ["^Paris$"], "It is Paris", 'does not match "^Paris$"'],
    ["json-schema", [person], '{"name": "Ada", "age": 3.5}', "does not fit the schema: /age must be integer"],
    ["json-schema", [person], "{}", "does not fit the schema: the answer must have required property 'name'"],
    ["json-schema", [person], '{"name": "ada"}', 'does not fit the schema: /name must match pattern "^[A-Z]"'],
    ["json-schema", [person], '```json\n{"name": "Ada"}\n```', "is no JSON"],
  ];
  for (const [check, values, answer, expected] of wrong) {
    it(`says why ${JSON.stringify(answer)} is wrong for ${check} of ${values.join(", ")}`, () => {
      expect(reason(check, values, answer)).to.equal(expected);
    });
  }

  const unusable: readonly (readonly [CheckKind, string, RegExp])[] = [
    ["regex", "([", /^is no regular expression of RE2: missing closing \]/],
    ["regex", "(?=a)", /^is no regular expression of RE2: invalid or unsupported Perl syntax/],
    ["regex", "(a)\\1", /^is no regular expression of RE2: /],
    ["json-schema", "[]", /^is no JSON schema that can be used: expected an object$/],
    ["json-schema", "{", /^is no JSON schema that can be used: expected an object$/],
    [
      "json-schema",
      '{"type": "strnig"}',
      /^is no JSON schema that can be used: \/type must be equal to one of the allowed values$/,
    ],
    ["json-schema", '{"$ref": "#/$defs/none"}', /^is no JSON schema that can be used: can't resolve reference/],
    ["json-schema", '{"$schema": "https://example.com/other"}', /^is no JSON schema that can be used: no schema with key or ref/],
    ["json-schema", '{"pattern": "(?=a)"}', /^is no JSON schema that can be used: is no regular expression of RE2/],
    ["json-schema", `${'{"not":'.repeat(5000)}{}${"}".repeat(5000)}`, /^is no JSON schema that can be used: /],
  ];
  for (const [check, value, expected] of unusable) {
    it(`is refused for ${check} of ${value.slice(0, 40)}`, () => {
      expect(() => compile({ check, values: [value] }))
        .to.throw(expected)
        .with.property("code", "invalid_argument");
    });
  }

  it("has no expression that takes longer for an answer that nearly fits", () => {
    const answer = "a".repeat(100_000);
    expect(reason("regex", ["^(a+)+$"], `${answer}b`)).to.equal('does not match "^(a+)+$"');
  });

  it("knows nothing of a schema of the same name that was compiled before", () => {
    const named = (type: string): string =>
      JSON.stringify({ $id: "https://a.test/s", $defs: { t: { $id: "https://a.test/t", type } }, $ref: "t" });
    expect(reason("json-schema", [named("string")], '"a"')).to.equal(undefined);
    expect(reason("json-schema", [named("number")], "1")).to.equal(undefined);
  });

  it("is broken off where a schema takes for ever", () => {
    const step = (level: number) => ({ allOf: [{ $ref: `#/$defs/s${level}` }, { $ref: `#/$defs/s${level}` }] });
    const $defs = Object.fromEntries(
      Array.from({ length: 40 }, (_, level) => [`s${level}`, level < 39 ? step(level + 1) : { type: "string" }]),
    );
    const check = compile({ check: "json-schema", values: [JSON.stringify({ $defs, ...step(0) })] });
    expect(() => check('"a"'))
      .to.throw("took longer than 1000 ms")
      .with.property("code", "deadline_exceeded");
  });
});
