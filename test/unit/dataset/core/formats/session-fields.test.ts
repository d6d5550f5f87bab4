import { fromBinary } from "@bufbuild/protobuf";
import { expect } from "chai";
import { TurnSchema } from "../../../../../gen/assay/dataset/v1/dataset_pb.js";
import { fileDataset } from "../../../../../services/dataset/core/file-dataset.ts";
import { multiTurnFormat } from "../../../../../services/dataset/core/formats/multi-turn.ts";
import { singleTurnFormat } from "../../../../../services/dataset/core/formats/single-turn.ts";
import { loadingOf, problemOf, rowOf } from "../loading.ts";

const said = (row: Record<string, unknown>) =>
  rowOf(multiTurnFormat, row).turns.map(({ messages }) => messages.map(({ role, content }) => `${role}: ${content}`));
const chat = [{ text: "q1" }, { role: "assistant", text: "a1" }, { text: "q2" }, { role: "assistant", text: "a2" }];

describe("what a row says of its session", () => {
  it("may be how often it is drawn; the first row of a session says it", () => {
    expect(rowOf(singleTurnFormat, { text: "a", weight: 2.5 }).weight).to.equal(2.5);
    expect(rowOf(multiTurnFormat, { turns: [{ text: "a" }], weight: 7 }).weight).to.equal(7);
    const loading = loadingOf();
    const rows = [{ text: "a" }, { text: "b", session_id: "s", weight: 3 }, { text: "c", session_id: "s", weight: 9 }];
    loading.push(Buffer.from(rows.map((row) => JSON.stringify(row)).join("\n")));
    expect([...(loading.end().weights ?? [])]).to.deep.equal([1, 3]);
  });

  it("weighs nothing where no row has a weight", () => {
    const loading = loadingOf();
    loading.push(Buffer.from('{"text":"a"}'));
    expect(loading.end().weights).to.equal(undefined);
  });

  for (const weight of [0, -1, "2", 1e10]) {
    it(`is refused with the weight ${JSON.stringify(weight)}`, () => {
      expect(problemOf(singleTurnFormat, { text: "a", weight })).to.contain("weight: expected a number above 0");
    });
  }

  it("may be the group that the figures of its turns are of, which is no part of their requests", () => {
    const groupsOf = ({ turns }: ReturnType<typeof rowOf>) => turns.map(({ rowGroup }) => rowGroup);
    expect(groupsOf(rowOf(singleTurnFormat, { text: "a", group: "code" }))).to.deep.equal(["code"]);
    const conversation = { group: 'it\'s "x"; --', turns: [{ text: "a" }, { text: "b" }] };
    expect(groupsOf(rowOf(multiTurnFormat, conversation))).to.deep.equal([conversation.group, conversation.group]);
    expect(rowOf(singleTurnFormat, { text: "a", group: null }).turns[0]).to.not.have.property("rowGroup");
    const loading = loadingOf();
    const rows = [
      { text: "a", session_id: "s", group: "one" },
      { text: "b", session_id: "s" },
    ];
    loading.push(Buffer.from(rows.map((row) => JSON.stringify(row)).join("\n")));
    const dataset = fileDataset(loading.end(), { seed: 1, outputTokens: undefined });
    expect([0, 1].map((turn) => dataset.details?.(0, turn).rowGroup)).to.deep.equal(["one", undefined]);
    const packed = dataset.packed?.(0, 0);
    expect(fromBinary(TurnSchema, packed?.bytes ?? new Uint8Array()).rowGroup).to.equal("one");
  });

  for (const group of ["", " ", 3, "x".repeat(257)]) {
    it(`is refused with the group ${JSON.stringify(group).slice(0, 20)}`, () => {
      const message = "group: expected a text that is not empty, of at most 256 characters, got ";
      expect(problemOf(singleTurnFormat, { text: "a", group })).to.contain(message);
      expect(problemOf(multiTurnFormat, { turns: [{ text: "a" }], group })).to.contain(message);
    });
  }

  it("may be that its answers are turns: they go in front of the next question, and the target's own are not repeated", () => {
    const row = { turns: chat, context_mode: "deltas_with_responses" };
    expect(said(row)).to.deep.equal([["user: q1"], ["assistant: a1", "user: q2"]]);
    expect(rowOf(multiTurnFormat, row).turns.map(({ bringsAnswers }) => bringsAnswers)).to.deep.equal([true, true]);
  });

  it("may be that every turn is sent as it is", () => {
    const { turns } = rowOf(multiTurnFormat, { turns: chat, context_mode: "message_array_with_responses" });
    expect(turns.map(({ isSelfContained }) => isSelfContained)).to.deep.equal([true, true, true, true]);
  });

  it("is refused with a mode that there is not, and without a question", () => {
    expect(problemOf(multiTurnFormat, { turns: chat, context_mode: "deltas" })).to.equal(
      'context_mode: expected deltas_without_responses, deltas_with_responses, message_array_with_responses, got "deltas"',
    );
    const answers = { turns: [{ role: "assistant", text: "a" }], context_mode: "deltas_with_responses" };
    expect(problemOf(multiTurnFormat, answers)).to.equal("turns: expected a question, got answers alone");
  });

  it("may begin anew, and have headers of its own", () => {
    const turn = { text: "a", reset_context: true, headers: { "X-Tenant": "one" } };
    const [read] = rowOf(multiTurnFormat, { turns: [turn] }).turns;
    expect(read).to.deep.include({ resetsHistory: true, headers: { "X-Tenant": "one" } });
  });

  for (const headers of [{ "a b": "1" }, { "Content-Length": "3" }, { a: 1 }, { a: "x\r\ny: z" }, "a: b"]) {
    it(`is refused with the headers ${JSON.stringify(headers)}`, () => {
      expect(problemOf(singleTurnFormat, { text: "a", headers })).to.contain(
        "headers: expected an object of texts by header names",
      );
    });
  }
});
