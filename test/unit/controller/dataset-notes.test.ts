import { create } from "@bufbuild/protobuf";
import { expect } from "chai";
import { DatasetInfoSchema } from "../../../gen/assay/dataset/v1/dataset_pb.js";
import { datasetNotes } from "../../../services/controller/core/spec/dataset-notes.ts";

describe("what a run says of its dataset", () => {
  it("is how the format was found, where nobody said it", () => {
    const info = (formatReason: string) =>
      create(DatasetInfoSchema, { format: "single_turn", file: { name: "p.jsonl", formatReason } });
    expect(datasetNotes(info("its first row has text"))).to.deep.equal(["p.jsonl: read as single_turn (its first row has text)"]);
    expect(datasetNotes(info(""))).to.deep.equal([]);
  });

  it("is nothing of one that was made", () => {
    expect(datasetNotes(undefined)).to.deep.equal([]);
    expect(datasetNotes(create(DatasetInfoSchema))).to.deep.equal([]);
  });
});
