import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { expect } from "chai";
import { preparationText, StepLine } from "../../../clients/cli/preparation.ts";
import { PreparationProgressSchema, PreparationStep } from "../../../gen/assay/dataset/v1/dataset_pb.js";

const text = (progress: MessageInitShape<typeof PreparationProgressSchema>): string =>
  preparationText(create(PreparationProgressSchema, progress));

describe("the preparation of a dataset", () => {
  for (const [progress, expected] of [
    [
      { step: PreparationStep.READ, rows: 412_000n, doneBytes: 389n, totalBytes: 1000n },
      "preparing the dataset: 412,000 rows, 38 %",
    ],
    [{ step: PreparationStep.READ, rows: 7n }, "preparing the dataset: 7 rows"],
    [
      { step: PreparationStep.CHECK, doneBytes: 5n, totalBytes: 5n },
      "preparing the dataset: looking whether it was prepared before, 100 %",
    ],
    [{ step: PreparationStep.TOKENIZER }, "preparing the dataset: loading the tokenizer"],
    [
      { step: PreparationStep.DOWNLOAD, doneBytes: 3n << 20n, totalBytes: 12n << 20n },
      "downloading the dataset: 3.0 of 12.0 MiB, 25 %",
    ],
    [{ step: PreparationStep.DOWNLOAD, doneBytes: 3n << 20n }, "downloading the dataset: 3.0 MiB"],
  ] as const) {
    it(`is told as "${expected}"`, () => expect(text(progress)).to.equal(expected));
  }

  function setUp(isTty: boolean) {
    const written: string[] = [];
    const clock = { ms: 1000 };
    const line = new StepLine({ write: (piece) => written.push(piece), isTty, width: () => 30, now: () => clock.ms });
    return { line, written, clock };
  }

  it("is one line on a terminal, with the seconds it has taken, cut to its width, and taken away at the end", () => {
    const { line, written, clock } = setUp(true);
    line.clear();
    line.update("preparing");
    clock.ms = 13_999;
    line.update("preparing something of a long name");
    line.clear();
    line.clear();
    expect(written).to.deep.equal(["\r\x1b[2Kpreparing, 0 s", "\r\x1b[2Kpreparing something of a lon…", "\r\x1b[2K"]);
  });

  it("is a line every 5 s elsewhere, and none where it takes less", () => {
    const { line, written, clock } = setUp(false);
    for (let second = 0; second <= 11; second++) {
      clock.ms = 1000 + 1000 * second;
      line.update(`${second}`);
    }
    line.clear();
    expect(written).to.deep.equal(["5, 5 s\n", "10, 10 s\n"]);
  });
});
