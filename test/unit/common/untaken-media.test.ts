import { create } from "@bufbuild/protobuf";
import { expect } from "chai";
import { DatasetInfoSchema } from "../../../gen/assay/dataset/v1/dataset_pb.js";
import { untakenMedia } from "../../../services/common/untaken-media.ts";

describe("media that an endpoint does not send", () => {
  const info = create(DatasetInfoSchema, { file: { name: "p.jsonl" }, mediaTurns: { image: 3n, video: 1n } });

  it("are told of each kind that it does not take", () => {
    expect(untakenMedia(info, "messages")).to.deep.equal([
      "p.jsonl: endpoint messages takes no video; turns that are sent without theirs: 1",
    ]);
    expect(untakenMedia(info, "completions")).to.have.lengthOf(2);
  });

  it("are none where it takes them all, where it takes bodies alone, and where nobody knows it", () => {
    for (const type of ["chat", "raw", "none-of-them"]) expect(untakenMedia(info, type), type).to.deep.equal([]);
    expect(untakenMedia(create(DatasetInfoSchema), "completions")).to.deep.equal([]);
  });
});
