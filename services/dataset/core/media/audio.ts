/** Audio of synthetic turns: Gaussian noise as AIPerf makes it, in WAV files. Pure. */
import { type RandomStream, randomStream } from "../../../common/random.ts";
import { type Distribution, drawLength, scaled } from "../distributions.ts";

export type AudioFormat = "wav" | "mp3";

export interface AudioOptions {
  readonly lengthSec: Distribution;
  readonly format: AudioFormat;
  /** One of which is drawn for each. */
  readonly sampleRatesHz: readonly number[];
  /** One of which is drawn for each: 8, 16, 24 or 32 bits. */
  readonly depths: readonly number[];
  readonly channels: number;
  /** Pieces of audio of a turn. */
  readonly batchSize: number;
}

/** How a WAV file is written. */
export interface WavForm {
  readonly sampleRateHz: number;
  /** Bits of a sample: 8, 16, 24 or 32. */
  readonly depth: number;
  readonly channels: number;
  /** Moments that have a sample of each channel. */
  readonly frames: number;
}

export interface AudioPlan extends WavForm {
  readonly format: AudioFormat;
  /** Path of its samples' stream. */
  readonly stream: readonly [label: string, conversation: number, turn: number, index: number];
}

export const audioDepths: readonly number[] = [8, 16, 24, 32];

/** No audio is shorter, as in AIPerf. */
const leastMs = 10;
/** As AIPerf's: loud, and hardly ever beyond what a sample holds. */
const amplitude = 0.3;
const headBytes = 44;

/** What a turn sends, one plan for each piece; the same for the same seed and indices. */
export function audioPlans(options: AudioOptions, seed: number, conversation: number, turn: number): AudioPlan[] {
  const { lengthSec, format, sampleRatesHz, depths, channels, batchSize } = options;
  const lengthMs = scaled(lengthSec, 1000);
  const lengths = randomStream(seed, "dataset", "audio_length", conversation, turn);
  const forms = randomStream(seed, "dataset", "audio_form", conversation, turn);
  return Array.from({ length: batchSize }, (_, index) => {
    const sampleRateHz = sampleRatesHz[forms.below(sampleRatesHz.length)] as number;
    const depth = depths[forms.below(depths.length)] as number;
    const frames = Math.max(1, Math.floor((drawLength(lengthMs, leastMs, lengths) * sampleRateHz) / 1000));
    return { sampleRateHz, depth, channels, frames, format, stream: ["audio_samples", conversation, turn, index] };
  });
}

/** Bytes of a file that `wavNoise` makes. */
export function wavBytes({ depth, channels, frames }: WavForm): number {
  const data = (depth / 8) * channels * frames;
  return headBytes + data + (data % 2);
}

/** A RIFF file of PCM noise, normal with a deviation of 0.3 of the loudest and cut there. */
export function wavNoise(form: WavForm, random: Pick<RandomStream, "normal">): Uint8Array<ArrayBuffer> {
  const loudest = 2 ** (form.depth - 1) - 1;
  return wavOf(form, () => Math.trunc(loudest * Math.max(-1, Math.min(1, amplitude * random.normal()))));
}

/**
 * A RIFF file of PCM. Samples of 8 bits are unsigned, others signed.
 * @param next the samples, of all channels in turn, each in the range of its depth
 */
export function wavOf(form: WavForm, next: () => number): Uint8Array<ArrayBuffer> {
  const { depth, channels, frames } = form;
  const file = new Uint8Array(wavBytes(form));
  const view = new DataView(file.buffer);
  writeHead(view, form);
  const size = depth / 8;
  for (let at = headBytes, end = headBytes + size * channels * frames; at < end; at += size) {
    const sample = next();
    if (depth === 8) view.setUint8(at, sample + 128);
    else if (depth === 16) view.setInt16(at, sample, true);
    else if (depth === 32) view.setInt32(at, sample, true);
    else {
      view.setUint16(at, sample & 0xffff, true);
      view.setInt8(at + 2, sample >> 16);
    }
  }
  return file;
}

function writeHead(view: DataView, { sampleRateHz, depth, channels, frames }: WavForm): void {
  const size = (depth / 8) * channels;
  const name = (at: number, text: string): void => {
    for (let index = 0; index < 4; index++) view.setUint8(at + index, text.charCodeAt(index));
  };
  name(0, "RIFF");
  view.setUint32(4, view.byteLength - 8, true);
  name(8, "WAVE");
  name(12, "fmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, channels, true);
  view.setUint32(24, sampleRateHz, true);
  view.setUint32(28, sampleRateHz * size, true);
  view.setUint16(32, size, true);
  view.setUint16(34, depth, true);
  name(36, "data");
  view.setUint32(40, size * frames, true);
}
