import { expect } from "chai";
import { type ImageOptions, imagePlans } from "../../../../../services/dataset/core/media/images.ts";

const options = (changes: Partial<ImageOptions> = {}): ImageOptions => ({
  width: { mean: 64, stddev: 0 },
  height: { mean: 48, stddev: 0 },
  format: "png",
  folder: undefined,
  batchSize: 1,
  ...changes,
});
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const files = ["a.png", "b.png", "c.jpg"];
/** Files of turns of one conversation each, as many images a turn as said. */
const filesOf = (sampling: NonNullable<ImageOptions["folder"]>["sampling"], turns: number, batchSize = 1) =>
  Array.from({ length: turns }, (_, turn) => imagePlans(options({ folder: { files, sampling }, batchSize }), 1, turn, 0, turn))
    .flat()
    .map(({ file }) => file);

describe("the images of a turn", () => {
  it("have the size and format asked for, and pixels of their own", () => {
    expect(imagePlans(options({ batchSize: 2 }), 1, 5, 2, 9)).to.deep.equal(
      [0, 1].map((index) => ({ width: 64, height: 48, format: "png", file: undefined, stream: ["image_pixels", 5, 2, index] })),
    );
  });

  it("have sizes by mean and deviation, of at least a pixel and no more than a picture may have", () => {
    const sizes = { width: { mean: 200, stddev: 20 }, height: { mean: 2, stddev: 3 } };
    const plans = Array.from({ length: 1000 }, (_, turn) => imagePlans(options(sizes), 1, turn, 0, turn)).flat();
    const widths = plans.map(({ width }) => width);
    expect(mean(widths)).to.be.closeTo(200, 3);
    expect(Math.sqrt(mean(widths.map((width) => (width - 200) ** 2)))).to.be.closeTo(20, 2);
    expect(Math.min(...plans.map(({ height }) => height))).to.equal(1);
    const wide = imagePlans(options({ width: { mean: 16_384, stddev: 9999 }, batchSize: 100 }), 1, 0, 0, 0);
    expect(Math.max(...wide.map(({ width }) => width))).to.equal(16_384);
  });

  it("are of either format where that is drawn, of the same sizes as of one format", () => {
    const sizes = { width: { mean: 200, stddev: 20 }, batchSize: 40 };
    const drawn = imagePlans(options({ ...sizes, format: "random" }), 1, 0, 0, 0);
    expect(new Set(drawn.map(({ format }) => format))).to.deep.equal(new Set(["png", "jpeg"]));
    const plain = imagePlans(options({ ...sizes }), 1, 0, 0, 0);
    expect(drawn.map(({ width }) => width)).to.deep.equal(plain.map(({ width }) => width));
  });

  it("go through a folder by its names, also over the border of a turn", () => {
    expect(filesOf("sequential-cycle", 7)).to.deep.equal([...files, ...files, files[0]]);
    expect(filesOf("sequential-cycle", 2, 2)).to.deep.equal(["a.png", "b.png", "c.jpg", "a.png"]);
  });

  it("show each file of a folder once before any again where it is shuffled, in other orders", () => {
    const drawn = filesOf("shuffle-cycle", 30);
    const rounds = Array.from({ length: 10 }, (_, round) => drawn.slice(3 * round, 3 * round + 3));
    for (const round of rounds) expect([...round].sort()).to.deep.equal(files);
    expect(new Set(rounds.map(String)).size).to.be.above(2);
  });

  it("are of any file at any time where they are drawn, the same for the same seed", () => {
    const drawn = filesOf("random-with-replacement", 300);
    for (const file of files) expect(drawn.filter((each) => each === file).length).to.be.within(70, 130);
    expect(filesOf("random-with-replacement", 300)).to.deep.equal(drawn);
  });
});
