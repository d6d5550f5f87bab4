import { expect } from "chai";
import { decode } from "jpeg-js";
import { randomBytes } from "../../../../../services/common/random.ts";
import { jpegFile } from "../../../../../services/dataset/core/media/jpeg.ts";
import { readJpeg } from "../../../../../services/dataset/media/jpeg-file.ts";

/** Red grows to the right, green downwards. */
function slope(width: number, height: number) {
  const rgb = Uint8Array.from({ length: 3 * width * height }, (_, index) => {
    const pixel = Math.floor(index / 3);
    return [(255 * (pixel % width)) / width, (255 * Math.floor(pixel / width)) / height, 77][index % 3] ?? 0;
  });
  return { width, height, rgb };
}
const noise = (width: number, height: number) => ({ width, height, rgb: randomBytes(3 * width * height, 1, "noise") });
const mean = (values: ArrayLike<number>) => Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;

describe("JPEG files", () => {
  for (const [width, height] of [
    [64, 48],
    [100, 100],
    // No whole squares of 16.
    [17, 33],
    [1, 1],
  ] as const) {
    it(`of ${width} × ${height} show the picture that they are made of`, () => {
      const picture = slope(width, height);
      const file = jpegFile(picture);
      expect(Buffer.from(file.subarray(0, 4)).toString("hex")).to.equal("ffd8ffe0");
      expect(Buffer.from(file.subarray(-2)).toString("hex")).to.equal("ffd9");
      expect(decode(file)).to.include({ width, height });
      const { rgb } = readJpeg(file);
      const errors = rgb.map((value, index) => Math.abs(value - (picture.rgb[index] ?? 0)));
      expect(mean(errors)).to.be.below(4);
    });
  }

  it("of noise are as large as Pillow's, 0.60 bytes a pixel, and show it", () => {
    const picture = noise(256, 256);
    const file = jpegFile(picture);
    expect(file.length / 256 ** 2).to.be.closeTo(0.605, 0.01);
    const { rgb } = readJpeg(file);
    const light = (pixels: Uint8Array, at: number) =>
      0.299 * (pixels[at] ?? 0) + 0.587 * (pixels[at + 1] ?? 0) + 0.114 * (pixels[at + 2] ?? 0);
    const errors = Array.from({ length: 256 ** 2 }, (_, pixel) =>
      Math.abs(light(rgb, 3 * pixel) - light(picture.rgb, 3 * pixel)),
    );
    expect(mean(errors)).to.be.below(12);
  });

  it("are the same each time", () => {
    expect(jpegFile(noise(40, 24))).to.deep.equal(jpegFile(noise(40, 24)));
  });
});
