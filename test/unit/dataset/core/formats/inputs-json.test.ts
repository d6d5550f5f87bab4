import { expect } from "chai";
import { inputsJsonFormat } from "../../../../../services/dataset/core/formats/inputs-json.ts";
import { problemOf, readOne } from "../loading.ts";

const session = (session_id: unknown, ...payloads: unknown[]) => ({ session_id, payloads });

describe("a document of inputs_json", () => {
  it("is its sessions, each payload the body of a turn", () => {
    const read = readOne(inputsJsonFormat, { data: [session("a", { prompt: "1" }, { prompt: "2" }), session("b", { x: 1 })] });
    if ("problem" in read) expect.fail(read.problem.message);
    const rows = [read.row, ...(read.others ?? [])];
    expect(rows.map((row) => row?.sessionId)).to.deep.equal(["a", "b"]);
    expect(rows.map((row) => row?.turns.map(({ rawBody }) => rawBody))).to.deep.equal([
      ['{"prompt":"1"}', '{"prompt":"2"}'],
      ['{"x":1}'],
    ]);
    expect(rows.every((row) => row?.turns.every(({ isSelfContained }) => isSelfContained))).to.equal(true);
  });

  it("names the fields that it does not have", () => {
    const read = readOne(inputsJsonFormat, { version: 1, data: [{ ...session("a", { x: 1 }), more: 2 }] });
    expect("row" in read && read.row?.unknownFields).to.deep.equal(["version", "data.more"]);
  });

  const refused: readonly (readonly [data: unknown, problem: string])[] = [
    [undefined, "data: expected a list of sessions, got nothing"],
    [[], "data: expected a list of sessions, got []"],
    [["a"], 'data[0]: expected an object, got "a"'],
    [[{ payloads: [{ x: 1 }] }], "data[0].session_id: expected a text that is not empty, got nothing"],
    [[session("a", { x: 1 }), session("a", { x: 2 })], 'data[1].session_id: there is a session "a" before it'],
    [[{ session_id: "a" }], "data[0].payloads: expected a list of bodies, got nothing"],
    [[session("a")], "data[0].payloads: expected at least one body, got []"],
    [[session("a", { x: 1 }, "b")], 'data[0].payloads[1]: expected an object that is not empty, got "b"'],
    [[session("a", {})], "data[0].payloads[0]: expected an object that is not empty, got {}"],
  ];
  for (const [data, problem] of refused) {
    it(`is refused by its place: ${JSON.stringify(data)}`, () => {
      expect(problemOf(inputsJsonFormat, { data })).to.equal(`data/${problem}`);
    });
  }
});
