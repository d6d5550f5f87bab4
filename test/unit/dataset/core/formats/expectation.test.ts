import { fromBinary } from "@bufbuild/protobuf";
import { expect } from "chai";
import { TurnSchema } from "../../../../../gen/assay/dataset/v1/dataset_pb.js";
import { loadCompiler } from "../../../../../services/common/checks/compile.ts";
import { checkKinds } from "../../../../../services/common/checks/expectation.ts";
import type { FileLoadOptions } from "../../../../../services/dataset/core/file-load.ts";
import { rowAt } from "../../../../../services/dataset/core/packed-rows.ts";
import { loadingOf } from "../loading.ts";

const compile = await loadCompiler(checkKinds);

/** What is expected of the turns of such rows, in order. */
function expectedOf(rows: readonly Record<string, unknown>[], changes: Partial<FileLoadOptions> = {}) {
  const { load, push, end } = loadingOf(changes);
  for (const row of rows) push(Buffer.from(`${JSON.stringify(row)}\n`));
  if (load.awaited === "compiler") load.compileBy(compile);
  const { turns, checks, notes, unknownFields } = end();
  const expected = Array.from({ length: turns.size }, (_, index) => {
    const { expectation } = fromBinary(TurnSchema, rowAt(turns, index));
    return expectation && [expectation.check, ...expectation.values];
  });
  return { expected, checks, notes, unknownFields: [...unknownFields] };
}

describe("what rows expect of answers", () => {
  const taken: readonly (readonly [string, Record<string, unknown>, readonly string[]])[] = [
    ["a text, by the run's check", { expected: "Paris" }, ["contains", "Paris"]],
    ["several texts", { expected: ["Paris", "paris"] }, ["contains", "Paris", "paris"]],
    ["a number and a truth value as texts", { expected: [42, true] }, ["contains", "42", "true"]],
    ["a check of its own", { expected: "Paris", check: "exact" }, ["exact", "Paris"]],
    ["a regular expression", { expected: "^P", check: "regex" }, ["regex", "^P"]],
    ["a schema", { expected: { type: "object" }, check: "json-schema" }, ["json-schema", '{"type":"object"}']],
    ["a schema as text", { expected: '{"type": "object"}', check: "json-schema" }, ["json-schema", '{"type":"object"}']],
  ];
  for (const [what, fields, expected] of taken) {
    it(`may be ${what}`, () => {
      expect(expectedOf([{ text: "Which?", ...fields }], { check: "contains" }).expected).to.deep.equal([expected]);
    });
  }

  it("may be nothing", () => {
    const { expected, checks } = expectedOf([{ text: "Which?" }, { text: "Which?", expected: null }], { check: "exact" });
    expect([expected, checks]).to.deep.equal([[undefined, undefined], []]);
  });

  it("is of a turn in conversations, and of a request in batches", () => {
    const turns = [{ text: "Hello" }, { text: "Which?", expected: "Paris" }];
    expect(expectedOf([{ turns }], { check: "exact" })).to.deep.include({
      expected: [undefined, ["exact", "Paris"]],
      checks: ["exact"],
      unknownFields: [],
    });
    const body = { model: "m", messages: [{ role: "user", content: "Which?" }] };
    const request = { custom_id: "a", method: "POST", url: "/v1/chat/completions", body, expected: "Paris", check: "contains" };
    expect(expectedOf([request])).to.deep.include({ expected: [["contains", "Paris"]], unknownFields: [] });
  });

  it("is never part of a body", () => {
    const { push, end } = loadingOf({ check: "exact" });
    const body = { model: "m", messages: [{ role: "user", content: "Which?" }] };
    push(Buffer.from(`${JSON.stringify({ custom_id: "a", url: "/v1/chat/completions", body, expected: "Paris" })}\n`));
    const { rawBody } = fromBinary(TurnSchema, rowAt(end().turns, 0));
    expect(JSON.parse(Buffer.from(rawBody).toString())).to.deep.equal(body);
  });

  it("is left out, with a word of it, where nobody says how it is checked", () => {
    const { expected, notes } = expectedOf([{ text: "Which?", expected: "Paris" }, { text: "Which?" }]);
    expect(expected).to.deep.equal([undefined, undefined]);
    expect(notes).to.deep.equal(["1 turn expected something and named no check, and the run has none (--check): not checked"]);
  });

  const refused: readonly (readonly [Record<string, unknown>, string])[] = [
    [{ expected: "a", check: "fuzzy" }, 'line 1, column 33: check: expected exact, contains, regex, json-schema, got "fuzzy"'],
    [{ check: "exact" }, "line 1, column 1: expected: there is a check, and nothing to check by"],
    [{ expected: "" }, 'line 1, column 18: expected: expected a text that is not empty, or a list of such, got ""'],
    [{ expected: [] }, "line 1, column 18: expected: expected a text that is not empty, or a list of such, got []"],
    [{ expected: { a: 1 } }, 'line 1, column 18: expected: expected a text that is not empty, or a list of such, got {"a":1}'],
    [
      { expected: "a", check: "json-schema" },
      'line 1, column 18: expected: expected a JSON schema, an object, or a list of such, got "a"',
    ],
    [{ expected: "([", check: "regex" }, "line 1, column 18: expected: is no regular expression of RE2: missing closing ]: `[`"],
    [
      { expected: { type: "strnig" }, check: "json-schema" },
      "line 1, column 18: expected: is no JSON schema that can be used: /type must be equal to one of the allowed values",
    ],
  ];
  for (const [fields, message] of refused) {
    it(`is refused: ${JSON.stringify(fields)}`, () => {
      expect(() => expectedOf([{ text: "Which?", ...fields }], { check: "exact" })).to.throw(message);
    });
  }

  it("is refused within a turn by its place there", () => {
    const rows = [{ turns: [{ text: "Hello" }, { text: "Which?", expected: "a)", check: "regex" }] }];
    expect(() => expectedOf(rows)).to.throw("turns[1].expected: is no regular expression of RE2: ");
  });

  it("has at most 65 536 characters", () => {
    const { load } = loadingOf({ check: "exact" });
    load.enter({ file: "p.jsonl", isInFolder: false, container: "jsonl" });
    const value = { text: "Which?", expected: ["a".repeat(65_536), "b"] };
    const placeOf = () => ({ line: 1, column: 1 });
    expect(() => load.take({ kind: "row", value, placeOf })).to.throw("expected at most 65536 characters, got 65537");
  });
});
