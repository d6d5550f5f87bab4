/** PNG files: read by pngjs, written with what zlib has. */
import { crc32, deflateSync } from "node:zlib";
import { PNG } from "pngjs";
import { type Pixels, withoutAlpha } from "../core/media/pixels.ts";
import type { PngTools } from "../core/media/png.ts";

const maxPixels = 64_000_000;
/** Width and height stand here, four bytes each. */
const sizeAt = 16;

export const pngTools: PngTools = { crc32: (bytes) => crc32(bytes), deflate: (bytes) => deflateSync(bytes) };

/** Throws where it is no PNG file, or one of too many pixels. What is transparent has the colour that it says. */
export function readPng(file: Uint8Array): Pixels {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  const pixels = bytes.length < sizeAt + 8 ? 0 : bytes.readUInt32BE(sizeAt) * bytes.readUInt32BE(sizeAt + 4);
  if (pixels > maxPixels) throw new Error(`it has ${pixels} pixels, at most ${maxPixels} are read`);
  const { width, height, data } = PNG.sync.read(bytes);
  return withoutAlpha(width, height, data);
}
