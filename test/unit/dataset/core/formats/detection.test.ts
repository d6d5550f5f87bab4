import { expect } from "chai";
import { detectFormat } from "../../../../../services/dataset/core/formats/detection.ts";
import { rowSource } from "../loading.ts";

/** The name of the format, or why there is none. */
function detected(row: Record<string, unknown>): string {
  const found = detectFormat(row, rowSource);
  return "refusal" in found ? found.refusal : found.format.name;
}

describe("the format of a file", () => {
  const own: readonly Record<string, unknown>[] = [
    { text: "a" },
    { texts: ["a"], type: "single_turn" },
    { text: "a", session_id: "s", timestamp: 0 },
    { image: "x.png" },
    { text: "a", type: "text" },
    { text: "a", messages: [] },
  ];
  for (const row of own) {
    it(`is single_turn for ${JSON.stringify(row)}`, () => expect(detected(row)).to.equal("single_turn"));
  }

  const chats: readonly Record<string, unknown>[] = [
    { session_id: "s", turns: [{ text: "a" }] },
    { text: "a", turns: [{ text: "a" }] },
    { turns: [], type: "multi_turn" },
  ];
  for (const row of chats) {
    it(`is multi_turn for ${JSON.stringify(row)}`, () => expect(detected(row)).to.equal("multi_turn"));
  }

  const trees: readonly Record<string, unknown>[] = [
    { session_id: "root", turns: [{ messages: [], forks: ["a"] }] },
    { session_id: "s", orchestrator: true, spawns: [] },
  ];
  for (const row of trees) {
    it(`is dag_jsonl for ${JSON.stringify(row)}`, () => expect(detected(row)).to.equal("dag_jsonl"));
  }

  it("is weka_trace where a row has requests", () => expect(detected({ requests: [{ type: "n" }] })).to.equal("weka_trace"));

  it("is not guessed: the fields of an unknown row are told", () => {
    expect(detected({ prompt: "a", id: 1 })).to.contain(
      "has the field text, one of multi_turn has turns, this one has the fields prompt, id",
    );
    expect(detected({})).to.contain("no field");
  });

  const reasons: readonly (readonly [reason: string, row: Record<string, unknown>])[] = [
    ["its first row has text, output_length", { text: "a", id: 1, output_length: 3 }],
    ["its first row has the type single_turn", { text: "a", type: "single_turn" }],
    ["its first row has session_id, turns", { session_id: "s", turns: [] }],
  ];
  for (const [reason, row] of reasons) {
    it(`is told with its reason: ${reason}`, () => expect(detectFormat(row, rowSource)).to.include({ reason }));
  }
});
