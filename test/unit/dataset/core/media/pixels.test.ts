import { expect } from "chai";
import { resized, withoutAlpha } from "../../../../../services/dataset/core/media/pixels.ts";

const grey = (width: number, ...values: readonly number[]) => ({
  width,
  height: values.length / width,
  rgb: Uint8Array.from(values.flatMap((value) => [value, value, value])),
});
const greysOf = ({ rgb }: { readonly rgb: Uint8Array }) => [...rgb].filter((_, index) => index % 3 === 0);

describe("a picture in another size", () => {
  it("is the same where the size is", () => {
    const picture = grey(2, 1, 2, 3, 4);
    expect(resized(picture, 2, 2)).to.equal(picture);
  });

  it("keeps an even colour whatever the size, and colours apart", () => {
    for (const [width, height] of [
      [1, 1],
      [5, 3],
      [40, 90],
    ] as const) {
      const { rgb } = resized(
        { width: 7, height: 11, rgb: new Uint8Array(3 * 77).map((_, index) => [10, 200, 99][index % 3] ?? 0) },
        width,
        height,
      );
      expect(rgb).to.have.length(3 * width * height);
      expect(new Set([...rgb].filter((_, index) => index % 3 === 0))).to.deep.equal(new Set([10]));
      expect(new Set([...rgb].filter((_, index) => index % 3 === 1))).to.deep.equal(new Set([200]));
    }
  });

  it("has the mean of what was there where it is made smaller", () => {
    expect(greysOf(resized(grey(4, 0, 0, 200, 200), 1, 1))).to.deep.equal([100]);
    const half = greysOf(resized(grey(8, 0, 0, 0, 0, 200, 200, 200, 200), 2, 1));
    expect(half[0]).to.be.below(40);
    expect(half[1]).to.be.above(160);
  });

  it("rises evenly where it is made larger", () => {
    expect(greysOf(resized(grey(2, 0, 100), 4, 1))).to.deep.equal([0, 25, 75, 100]);
    expect(greysOf(resized(grey(1, 0, 100), 1, 4))).to.deep.equal([0, 25, 75, 100]);
  });
});

describe("alpha", () => {
  it("is taken away", () => {
    expect(withoutAlpha(2, 1, Uint8Array.of(1, 2, 3, 0, 4, 5, 6, 255))).to.deep.equal({
      width: 2,
      height: 1,
      rgb: Uint8Array.of(1, 2, 3, 4, 5, 6),
    });
  });
});
