import { create } from "@bufbuild/protobuf";
import { expect } from "chai";
import { DatasetInfoSchema } from "../../../gen/assay/dataset/v1/dataset_pb.js";
import { datasetNotes, prefixNote } from "../../../services/controller/core/spec/dataset-notes.ts";

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

  it("is what the prompts of a trace share, where rows name their blocks", () => {
    const shared = {
      prefixBlocks: 11n,
      prefixUniqueBlocks: 5n,
      prefixSharedTokens: 35n,
      prefixHitShare: 4 / 11,
      prefixMeanReuse: 0.375,
    };
    expect(prefixNote(create(DatasetInfoSchema, shared))).to.equal(
      "prompts of 11 blocks, 5 of them different: a cache without bound would have 36.4 % of them (35 tokens), " +
        "37.5 % of a request in the mean, where each row is sent once",
    );
    expect(prefixNote(create(DatasetInfoSchema))).to.equal(undefined);
    expect(prefixNote(undefined)).to.equal(undefined);
  });
});
