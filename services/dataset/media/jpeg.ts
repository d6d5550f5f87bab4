/** JPEG files, by jpeg-js: the same pixels give the same bytes everywhere. */
import { decode, encode } from "jpeg-js";
import { type Pixels, withAlpha, withoutAlpha } from "../core/media/pixels.ts";

/** As Pillow's, which AIPerf makes its files with. */
const quality = 75;
const maxMegapixels = 64;
const maxDecodingMiB = 512;

export function jpegOf(picture: Pixels): Uint8Array {
  const { width, height } = picture;
  return encode({ width, height, data: withAlpha(picture) }, quality).data;
}

/** Throws where it is no JPEG file, or one of too many pixels. */
export function readJpeg(file: Uint8Array): Pixels {
  const { width, height, data } = decode(file, {
    useTArray: true,
    formatAsRGBA: true,
    maxResolutionInMP: maxMegapixels,
    maxMemoryUsageInMB: maxDecodingMiB,
  });
  return withoutAlpha(width, height, data);
}
