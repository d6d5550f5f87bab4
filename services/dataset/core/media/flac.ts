/** FLAC (RFC 9639) as WAV of the same samples. Checksums are not looked at. Pure. */
import { bytesOfBase64 } from "../base64.ts";
import { audioDepths, wavOf } from "./audio.ts";

export type MadeWav = { readonly bytes: Uint8Array<ArrayBuffer> } | { readonly problem: string };

/** What the file says of its stream. */
interface StreamInfo {
  readonly sampleRateHz: number;
  readonly channels: number;
  readonly depth: number;
  /** 0: it does not say. */
  readonly frames: number;
  /** No other metadata follow. */
  readonly isLast: boolean;
}

/** In base64 the head of a file, which says what its stream is. */
const headChars = 56;

/** Its message is what is wrong with the file. */
class Unreadable extends Error {}
const damaged = "is a FLAC file that is damaged or cut off";

/**
 * Files of 8, 16, 24 or 32 bits a sample. What is damaged or cut off is a problem.
 * @param mostBytes of samples: some bytes of FLAC can stand for a day of silence
 */
export function wavOfFlac(file: Uint8Array, mostBytes: number): MadeWav {
  try {
    const bits = new BitReader(file);
    const info = readInfo(bits);
    if (!audioDepths.includes(info.depth)) return { problem: `FLAC of ${info.depth} bits a sample is not read` };
    const frameBytes = (info.channels * info.depth) / 8;
    if (!info.isLast) skipMetadata(bits);
    const blocks: Int32Array[][] = [];
    let frames = 0;
    // What may follow the last frame is a tag.
    while (!bits.isAtEnd && (info.frames === 0 || frames < info.frames)) {
      const block = readFrame(bits, info);
      blocks.push(block);
      frames += block[0]?.length ?? 0;
      if (frames * frameBytes > mostBytes) return { problem: `has more than ${mostBytes} bytes as WAV` };
    }
    if (frames === 0 || frames < info.frames) throw new Unreadable(damaged);
    return { bytes: wavOf({ ...info, frames }, samplesOf(blocks, info.channels)) };
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    return { problem: error.message };
  }
}

/** Length of a FLAC file in base64, by what its head says. Undefined: it is none, or does not say. */
export function flacSeconds(base64: string): number | undefined {
  try {
    const { frames, sampleRateHz } = readInfo(new BitReader(bytesOfBase64(base64.slice(0, headChars)) ?? new Uint8Array()));
    return frames === 0 || sampleRateHz === 0 ? undefined : frames / sampleRateHz;
  } catch (error) {
    if (error instanceof Unreadable) return undefined;
    throw error;
  }
}

function samplesOf(blocks: readonly Int32Array[][], channels: number): () => number {
  let [block, at, channel] = [0, 0, 0];
  return () => {
    const sample = blocks[block]?.[channel]?.[at] ?? 0;
    channel = (channel + 1) % channels;
    if (channel === 0) at++;
    if (at === blocks[block]?.[0]?.length) [block, at] = [block + 1, 0];
    return sample;
  };
}

/** Section 8. */
function readInfo(bits: BitReader): StreamInfo {
  if (bits.read(32) !== 0x664c6143) throw new Unreadable(damaged);
  // What the stream is always stands first.
  const isLast = bits.read(1) === 1;
  if (bits.read(7) !== 0 || bits.read(24) !== 34) throw new Unreadable(damaged);
  bits.skipBytes(10);
  const [sampleRateHz, channels, depth] = [bits.read(20), bits.read(3) + 1, bits.read(5) + 1];
  const frames = bits.read(4) * 2 ** 32 + bits.read(32);
  bits.skipBytes(16);
  return { sampleRateHz, channels, depth, frames, isLast };
}

function skipMetadata(bits: BitReader): void {
  for (let isLast = false; !isLast; ) {
    isLast = bits.read(1) === 1;
    bits.read(7);
    bits.skipBytes(bits.read(24));
  }
}

const blockSizes: readonly number[] = [0, 192, 576, 1152, 2304, 4608, 0, 0, 256, 512, 1024, 2048, 4096, 8192, 16_384, 32_768];
const depths: readonly number[] = [0, 8, 12, 0, 16, 20, 24, 32];

/** Section 9: the samples of each channel. */
function readFrame(bits: BitReader, info: StreamInfo): Int32Array[] {
  if (bits.read(15) !== 0x7ffc) throw new Unreadable(damaged);
  bits.read(1);
  const [sizeCode, rateCode, layout, depthCode] = [bits.read(4), bits.read(4), bits.read(4), bits.read(3)];
  bits.read(1);
  bits.readCodedNumber();
  const size = sizeCode === 6 ? bits.read(8) + 1 : sizeCode === 7 ? bits.read(16) + 1 : (blockSizes[sizeCode] ?? 0);
  if (rateCode >= 12) bits.read(rateCode === 12 ? 8 : 16);
  bits.read(8);
  const depth = depthCode === 0 ? info.depth : depths[depthCode];
  const channels = layout < 8 ? layout + 1 : 2;
  if (size === 0 || layout > 10 || channels !== info.channels || depth !== info.depth) throw new Unreadable(damaged);
  const side = layout === 8 || layout === 10 ? 1 : layout === 9 ? 0 : undefined;
  // Differences of 32 bits have 33.
  if (side !== undefined && depth === 32) throw new Unreadable("is FLAC of 32 bits a sample with differences, which is not read");
  const found = Array.from({ length: channels }, (_, channel) => readSubframe(bits, size, depth + (channel === side ? 1 : 0)));
  bits.align();
  bits.read(16);
  const [one, other] = found;
  if (one !== undefined && other !== undefined && layout >= 8) decorrelate(one, other, layout);
  return found;
}

/** Section 4.2: left and side, side and right, mid and side become left and right. */
function decorrelate(one: Int32Array, other: Int32Array, layout: number): void {
  for (let at = 0; at < one.length; at++) {
    const [first, second] = [one[at] as number, other[at] as number];
    if (layout === 8) other[at] = first - second;
    else if (layout === 9) one[at] = first + second;
    else {
      const twice = first * 2 + (second & 1);
      one[at] = (twice + second) >> 1;
      other[at] = (twice - second) >> 1;
    }
  }
}

/** Section 9.2. */
function readSubframe(bits: BitReader, size: number, codedDepth: number): Int32Array {
  if (bits.read(1) !== 0) throw new Unreadable(damaged);
  const type = bits.read(6);
  const wasted = bits.read(1) === 0 ? 0 : bits.readUnary() + 1;
  const depth = codedDepth - wasted;
  if (depth < 1) throw new Unreadable(damaged);
  const samples = new Int32Array(size);
  if (type === 0) samples.fill(bits.readSigned(depth));
  else if (type === 1) for (let at = 0; at < size; at++) samples[at] = bits.readSigned(depth);
  else if (type >= 8 && type <= 12) readPredicted(bits, samples, { depth, order: type - 8, coefficients: fixed[type - 8] });
  else if (type >= 32) readPredicted(bits, samples, { depth, order: type - 31, coefficients: undefined });
  else throw new Unreadable(damaged);
  if (wasted > 0) for (let at = 0; at < size; at++) samples[at] = (samples[at] as number) << wasted;
  return samples;
}

/** Of the sample before, the one before that and so on. */
const fixed: readonly (readonly number[])[] = [[], [1], [2, -1], [3, -3, 1], [4, -6, 4, -1]];

interface Prediction {
  readonly depth: number;
  readonly order: number;
  /** Undefined: they stand in the file. */
  readonly coefficients: readonly number[] | undefined;
}

function readPredicted(bits: BitReader, samples: Int32Array, { depth, order, coefficients: known }: Prediction): void {
  if (order > samples.length) throw new Unreadable(damaged);
  for (let at = 0; at < order; at++) samples[at] = bits.readSigned(depth);
  let [coefficients, divisor] = [known ?? [], 1];
  if (known === undefined) {
    const precision = bits.read(4) + 1;
    divisor = 2 ** bits.read(5);
    coefficients = Array.from({ length: order }, () => bits.readSigned(precision));
  }
  readResidual(bits, samples, order);
  for (let at = order; at < samples.length; at++) {
    // Products of 32 and 15 bits: exact as a float, not as an int.
    let sum = 0;
    for (let back = 0; back < order; back++) sum += (coefficients[back] as number) * (samples[at - 1 - back] as number);
    samples[at] = (samples[at] as number) + Math.floor(sum / divisor);
  }
}

/** Section 9.2.7: what the prediction misses, in the place of the samples. */
function readResidual(bits: BitReader, samples: Int32Array, order: number): void {
  const method = bits.read(2);
  if (method > 1) throw new Unreadable(damaged);
  const parameterBits = method === 0 ? 4 : 5;
  const escaped = 2 ** parameterBits - 1;
  const partitions = 2 ** bits.read(4);
  const partSize = samples.length / partitions;
  if (!Number.isInteger(partSize) || partSize < order) throw new Unreadable(damaged);
  let at = order;
  for (let part = 1; part <= partitions; part++) {
    const parameter = bits.read(parameterBits);
    const width = parameter === escaped ? bits.read(5) : 0;
    for (const end = part * partSize; at < end; at++) {
      samples[at] = parameter === escaped ? bits.readSigned(width) : bits.readRice(parameter);
    }
  }
}

function bad(): never {
  throw new Unreadable(damaged);
}

/** Bits of a file, the highest of each byte first. Throws `Damaged` behind its end. */
class BitReader {
  readonly #bytes: Uint8Array;
  #byte = 0;
  #bit = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#byte >= this.#bytes.length;
  }

  /** @param count at most 32 */
  read(count: number): number {
    let value = 0;
    for (let left = count; left > 0; ) {
      const byte = this.#bytes[this.#byte] ?? bad();
      const taken = Math.min(left, 8 - this.#bit);
      value = value * 2 ** taken + ((byte >> (8 - this.#bit - taken)) & (2 ** taken - 1));
      this.#bit += taken;
      left -= taken;
      if (this.#bit === 8) [this.#byte, this.#bit] = [this.#byte + 1, 0];
    }
    return value;
  }

  readSigned(count: number): number {
    const value = this.read(count);
    return count > 0 && value >= 2 ** (count - 1) ? value - 2 ** count : value;
  }

  /** Zeros before a one. */
  readUnary(): number {
    let zeros = 0;
    for (;;) {
      const rest = ((this.#bytes[this.#byte] ?? bad()) << this.#bit) & 0xff;
      if (rest === 0) {
        zeros += 8 - this.#bit;
        [this.#byte, this.#bit] = [this.#byte + 1, 0];
        continue;
      }
      const leading = Math.clz32(rest) - 24;
      this.#bit += leading + 1;
      if (this.#bit === 8) [this.#byte, this.#bit] = [this.#byte + 1, 0];
      return zeros + leading;
    }
  }

  readRice(parameter: number): number {
    const high = this.readUnary();
    const folded = high * 2 ** parameter + this.read(parameter);
    return folded % 2 === 0 ? folded / 2 : -(folded + 1) / 2;
  }

  /** A number as UTF-8 writes characters; which one does not matter here. */
  readCodedNumber(): void {
    const first = this.read(8);
    for (let mask = 0x40; first >= 0xc0 && (first & mask) !== 0 && mask > 1; mask >>= 1) this.read(8);
  }

  align(): void {
    if (this.#bit > 0) [this.#byte, this.#bit] = [this.#byte + 1, 0];
  }

  skipBytes(count: number): void {
    this.#byte += count;
    if (count < 0 || this.#byte > this.#bytes.length) throw new Unreadable(damaged);
  }
}
