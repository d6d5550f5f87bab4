import { create } from "@bufbuild/protobuf";
import { expect } from "chai";
import { csvColumns, csvValue, recordJson, wantedFields } from "../../../../clients/cli/runs/record-view.ts";
import { MetricRecordSchema } from "../../../../gen/assay/records_manager/v1/record_pb.js";

describe("a record for programs", () => {
  const tags = ["time_to_first_token", "request_latency"];
  const record = create(MetricRecordSchema, { creditId: 7n, turn: 0, status: 200, values: [12.5, Number.NaN] });

  it("says that a count is 0, of the fields that are asked for", () => {
    const record = create(MetricRecordSchema, { creditId: 7n, turn: 0, status: 200 });
    expect(recordJson(record, tags, wantedFields(["turn", "status"]))).to.deep.equal({
      credit_id: 7,
      turn: 0,
      status: 200,
    });
  });

  it("has metrics by their short names, and none that does not apply", () => {
    expect(recordJson(record, tags, wantedFields(["ttft", "latency"]))).to.deep.equal({
      credit_id: 7,
      metrics: { time_to_first_token: 12.5 },
    });
  });

  it("has what came of its check, in lines under the names that filters have for it", () => {
    const check = { isCorrect: false, reason: "is no JSON", answer: "{" };
    const json = recordJson(create(MetricRecordSchema, { creditId: 7n, check }), tags, wantedFields(["check"]));
    expect(json).to.deep.equal({ credit_id: 7, check: { is_correct: false, reason: "is no JSON", answer: "{" } });
    const lineOf = (names: readonly string[]) => csvColumns(wantedFields(names)).map((name) => [name, csvValue(json, name)]);
    expect(lineOf(["check"])).to.deep.equal([
      ["credit_id", "7"],
      ["is_correct", "false"],
      ["check_reason", "is no JSON"],
      ["answer", "{"],
    ]);
    expect(wantedFields(["correct", "answer"])).to.deep.include({ fields: ["check"], columns: ["is_correct", "answer"] });
    expect(csvValue({ credit_id: 7 }, "is_correct")).to.equal("");
  });

  it("has fields by the names that filters have for them", () => {
    const wanted = wantedFields(["group", "worker", "cancelled"]);
    expect(wanted.columns).to.deep.equal(["row_group", "worker_id", "is_cancelled"]);
    expect(wantedFields(["session_id", "session_num", "error_code"]).columns).to.deep.equal(["session", "index", "error"]);
    const some = create(MetricRecordSchema, { creditId: 7n, rowGroup: "easy", workerId: "w" });
    expect(recordJson(some, tags, wanted)).to.deep.equal({
      credit_id: 7,
      row_group: "easy",
      worker_id: "w",
      is_cancelled: false,
    });
  });

  it("has no field that no record has a value of", () => {
    for (const name of ["turns", "conversation_id"]) {
      expect(recordJson(record, tags, wantedFields([]))).not.to.have.property(name);
      expect(csvColumns(wantedFields([]))).not.to.include(name);
    }
  });

  it("is whole where no field is named", () => {
    expect(recordJson(record, tags, wantedFields([]))).to.include({ credit_id: 7, turn: 0, session: 0, model: "" });
  });
});
