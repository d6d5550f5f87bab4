import { crc32, deflateSync } from "node:zlib";
import { expect } from "chai";
import { PNG } from "pngjs";
import { randomBytes } from "../../../../../services/common/random.ts";
import { compressedPng, storedPng, storedPngBytes } from "../../../../../services/dataset/core/media/png.ts";
import { readPng } from "../../../../../services/dataset/media/png-file.ts";

const tools = { crc32: (bytes: Uint8Array) => crc32(bytes), deflate: (bytes: Uint8Array) => deflateSync(bytes) };
const noise = (width: number, height: number) => ({ width, height, rgb: randomBytes(3 * width * height, 1, "noise") });
/** Red grows to the right, green downwards. */
function slope(width: number, height: number) {
  const rgb = Uint8Array.from({ length: 3 * width * height }, (_, index) => {
    const pixel = Math.floor(index / 3);
    return [pixel % width, Math.floor(pixel / width), 7][index % 3] ?? 0;
  });
  return { width, height, rgb };
}

/** What pngjs reads, which checks every checksum. */
function rgbOf(file: Uint8Array): Uint8Array {
  const { data } = PNG.sync.read(Buffer.from(file), { checkCRC: true });
  return Uint8Array.from(data.filter((_, index) => index % 4 !== 3));
}

describe("PNG files", () => {
  for (const [width, height] of [
    [1, 1],
    [3, 2],
    // One byte short of a stored block of deflate, exactly one, and more than one.
    [1, 16_383],
    [7281, 3],
    [300, 200],
  ] as const) {
    it(`of ${width} × ${height} have the pixels that they are made of, and the size that is told ahead`, () => {
      const picture = noise(width, height);
      const file = storedPng(picture, tools);
      expect(file.length).to.equal(storedPngBytes(width, height));
      expect(PNG.sync.read(Buffer.from(file))).to.include({ width, height });
      expect(rgbOf(file)).to.deep.equal(picture.rgb);
      expect(readPng(file)).to.deep.equal(picture);
      expect(rgbOf(compressedPng(picture, tools))).to.deep.equal(picture.rgb);
    });
  }

  it("of pictures are far smaller than the pixels", () => {
    const picture = slope(200, 100);
    const file = compressedPng(picture, tools);
    expect(rgbOf(file)).to.deep.equal(picture.rgb);
    expect(file.length).to.be.below(picture.rgb.length / 20);
  });

  it("that claim more pixels than memory should hold are not read", () => {
    const file = Buffer.from(storedPng(noise(1, 1), tools));
    file.writeUInt32BE(100_000, 16);
    file.writeUInt32BE(100_000, 20);
    expect(() => readPng(file)).to.throw("10000000000 pixels");
    expect(() => readPng(Buffer.from("PNG"))).to.throw();
  });
});
