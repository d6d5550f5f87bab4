/** PNG files of pixels, three bytes each. Pure but for the tools that it is given. */
import type { Pixels } from "./pixels.ts";

export interface PngTools {
  /** CRC-32 as PNG and zlib have it. */
  readonly crc32: (bytes: Uint8Array) => number;
  /** A zlib stream of the bytes, compressed. */
  readonly deflate: (bytes: Uint8Array) => Uint8Array;
}

const signature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
/** Bytes of a stored block of deflate at most. */
const storedBytes = 65_535;
/** Largest count of bytes before the sums of an Adler-32 must be reduced. */
const adlerBytes = 3800;

/** Noise as it is: compressing would make it no smaller. The same bytes everywhere, whatever the version of zlib. */
export function storedPng({ width, height, rgb }: Pixels, { crc32 }: PngTools): Uint8Array<ArrayBuffer> {
  return pngOf(width, height, storedZlib(scanLines(rgb, width, height, () => 0)), crc32);
}

/** A picture, made small: each row as its differences from the row above, which is what photographs and drawings lose most by. */
export function compressedPng({ width, height, rgb }: Pixels, { crc32, deflate }: PngTools): Uint8Array<ArrayBuffer> {
  return pngOf(width, height, deflate(scanLines(rgb, width, height, (row) => (row === 0 ? 1 : 2))), crc32);
}

/** Bytes of a file that `storedPng` makes. */
export function storedPngBytes(width: number, height: number): number {
  const raw = height * (3 * width + 1);
  return signature.length + 3 * 12 + 13 + 2 + raw + 5 * Math.max(1, Math.ceil(raw / storedBytes)) + 4;
}

/** Rows with the kind of their filter before them: 0 none, 1 the pixel to the left, 2 the one above. */
function scanLines(rgb: Uint8Array, width: number, height: number, filterOf: (row: number) => 0 | 1 | 2): Uint8Array {
  const stride = 3 * width;
  const lines = new Uint8Array(height * (stride + 1));
  for (let row = 0; row < height; row++) {
    const to = row * (stride + 1);
    const from = row * stride;
    const filter = filterOf(row);
    lines[to] = filter;
    if (filter === 0) lines.set(rgb.subarray(from, from + stride), to + 1);
    else {
      const back = filter === 1 ? 3 : stride;
      for (let index = 0; index < stride; index++) {
        const before = filter === 1 && index < 3 ? 0 : (rgb[from + index - back] as number);
        lines[to + 1 + index] = (rgb[from + index] as number) - before;
      }
    }
  }
  return lines;
}

function pngOf(width: number, height: number, data: Uint8Array, crc32: PngTools["crc32"]): Uint8Array<ArrayBuffer> {
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  // Eight bits a channel, colours without alpha.
  header.set([8, 2], 8);
  return joined([
    signature,
    ...chunk("IHDR", header, crc32),
    ...chunk("IDAT", data, crc32),
    ...chunk("IEND", header.subarray(13), crc32),
  ]);
}

/** Length, name with data, checksum of both. */
function chunk(name: string, data: Uint8Array, crc32: PngTools["crc32"]): Uint8Array[] {
  const named = new Uint8Array(4 + data.length);
  for (let index = 0; index < 4; index++) named[index] = name.charCodeAt(index);
  named.set(data, 4);
  return [bigEndian(data.length), named, bigEndian(crc32(named))];
}

function storedZlib(bytes: Uint8Array): Uint8Array {
  const blocks: Uint8Array[] = [Uint8Array.of(0x78, 0x01)];
  for (let at = 0; at < bytes.length || at === 0; at += storedBytes) {
    const block = bytes.subarray(at, at + storedBytes);
    const isLast = at + storedBytes >= bytes.length;
    const head = new DataView(new ArrayBuffer(5));
    head.setUint8(0, isLast ? 1 : 0);
    head.setUint16(1, block.length, true);
    head.setUint16(3, ~block.length & 0xffff, true);
    blocks.push(new Uint8Array(head.buffer), block);
  }
  return joined([...blocks, bigEndian(adler32(bytes))]);
}

function adler32(bytes: Uint8Array): number {
  let low = 1;
  let high = 0;
  for (let at = 0; at < bytes.length; at += adlerBytes) {
    const end = Math.min(bytes.length, at + adlerBytes);
    for (let index = at; index < end; index++) {
      low += bytes[index] as number;
      high += low;
    }
    low %= 65_521;
    high %= 65_521;
  }
  return high * 65_536 + low;
}

function bigEndian(value: number): Uint8Array {
  const bytes = new DataView(new ArrayBuffer(4));
  bytes.setUint32(0, value);
  return new Uint8Array(bytes.buffer);
}

function joined(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}
