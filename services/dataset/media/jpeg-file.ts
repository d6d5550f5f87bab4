/** JPEG files that are read, by jpeg-js. */
import { decode } from "jpeg-js";
import { type Pixels, withoutAlpha } from "../core/media/pixels.ts";

const maxMegapixels = 64;
const maxDecodingMiB = 512;

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
