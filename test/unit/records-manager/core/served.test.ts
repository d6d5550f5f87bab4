import { expect } from "chai";
import type { PhaseCounts } from "../../../../services/records-manager/core/rows.ts";
import { type ServedModel, servedNote, servedTogether } from "../../../../services/records-manager/core/served.ts";
import { type ServedOverrides, servedModel } from "../served-models.ts";

function served(success: number, fail = 0, change: ServedOverrides = {}): ServedModel {
  return servedModel({
    ...{ inferences: success, executions: success, batches: [{ size: 1, executions: success, computeInferNs: success }] },
    times: { success: { count: success, ns: 10 * success }, fail: { count: fail, ns: 10 * fail } },
    ...change,
  });
}

const none = { drawn: 0, unused: 0, dropped: 0, missingRecord: 0, missingLost: 0, unaccounted: 0 };
const counts = (succeeded: number, errored = 0, cancelled = 0): PhaseCounts => ({ ...none, succeeded, errored, cancelled });

describe("the note on a server's counts", () => {
  const note = (rows: readonly ServedModel[], own: PhaseCounts, models = ["m"], modelVersion = "") =>
    servedNote(rows, { models, modelVersion }, own)?.message;

  for (const [what, rows, own] of [
    ["both count the same", [served(10)], counts(10)],
    ["a request that failed here succeeded there", [served(10)], counts(9, 1)],
    ["a request that was given up has not been counted yet", [served(9)], counts(9, 0, 1)],
    ["a request that failed never came there", [served(9)], counts(9, 1)],
    ["requests failed there", [served(8, 2)], counts(8, 2)],
    ["somebody uses another model", [served(10), served(7, 0, { model: "another" })], counts(10)],
    ["two servers share the requests", [served(6), served(4, 0, { server: "grpc://b:8001" })], counts(10)],
    ["the server says nothing", [], counts(10)],
  ] as const) {
    it(`is not given where ${what}`, () => {
      expect(note(rows, own)).to.equal(undefined);
    });
  }

  it("is given where more came than were sent", () => {
    expect(note([served(11)], counts(9, 1))).to.equal(
      "the server counts 11 requests of the run's models, and 10 were sent: others use it, too",
    );
    expect(note([served(9, 2)], counts(9, 1))).to.contain("counts 11 requests");
  });

  it("is given where fewer succeeded than did here", () => {
    expect(note([served(8, 1)], counts(9, 1))).to.equal(
      "the server counts 8 requests of the run's models that succeeded, and 9 did here: others answer, too",
    );
    expect(note([served(9, 0, { model: "another" })], counts(9))).to.contain("counts 0 requests");
  });

  it("is about the version that the run asks for alone, where it names one", () => {
    const rows = [served(10), served(7, 0, { version: "2" })];
    expect(note(rows, counts(10), ["m"], "1")).to.equal(undefined);
    expect(note(rows, counts(10), ["m"], "2")).to.contain("counts 7 requests");
    expect(servedTogether(rows, { models: ["m"], modelVersion: "2" }).map(({ version }) => version)).to.deep.equal(["2", "1"]);
  });

  it("counts requests without a record as sent", () => {
    expect(note([served(12)], { ...counts(9), missingRecord: 1, missingLost: 1, unaccounted: 1 })).to.equal(undefined);
  });
});

describe("servers' counts of phases that are taken together", () => {
  it("add up by server, model and version, the run's models first", () => {
    const rows = [
      served(3, 0, { model: "a part" }),
      served(4, 1, { batches: [{ size: 2, executions: 2, computeInferNs: 5 }] }),
      served(6, 0, { phase: 1, batches: [{ size: 1, executions: 6, computeInferNs: 6 }] }),
      served(1, 0, { version: "2" }),
    ];
    const together = servedTogether(rows, { models: ["m"], modelVersion: "" });
    expect(together.map(({ model, version }) => [model, version])).to.deep.equal([
      ["m", "1"],
      ["m", "2"],
      ["a part", "1"],
    ]);
    const [sum] = together;
    expect(sum).to.deep.include({ inferences: 10, executions: 10 });
    expect(sum?.times.success).to.deep.equal({ count: 10, ns: 100 });
    expect(sum?.batches).to.deep.equal([
      { size: 1, executions: 6, computeInferNs: 6 },
      { size: 2, executions: 2, computeInferNs: 5 },
    ]);
  });
});
