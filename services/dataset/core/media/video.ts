/** Videos of synthetic turns: what each is, and its frames, drawn as AIPerf draws them. Pure. */
import { randomBytes } from "../../../common/random.ts";
import type { WavForm } from "./audio.ts";

export const videoKinds = ["moving_shapes", "grid_clock", "noise"] as const;
export type VideoKind = (typeof videoKinds)[number];

export interface VideoOptions {
  readonly width: number;
  readonly height: number;
  readonly durationSec: number;
  readonly fps: number;
  readonly kind: VideoKind;
  readonly format: "webm" | "mp4";
  /** Name of an encoder of ffmpeg. */
  readonly codec: string;
  /** A track of noise; undefined: there is none. */
  readonly audio: VideoAudio | undefined;
  /** Videos of a turn. */
  readonly batchSize: number;
}

export interface VideoAudio extends Omit<WavForm, "frames"> {
  readonly codec: "aac" | "libvorbis" | "libopus";
}

export interface VideoPlan extends Omit<VideoOptions, "batchSize" | "durationSec"> {
  readonly frames: number;
  /** Moments that the audio has a sample of each channel for. */
  readonly audioFrames: number;
  /** Path of the streams of its noise; of videos without noise all have the same. */
  readonly stream: readonly [label: string, conversation: number, turn: number, index: number];
}

/** What a turn sends, one plan for each video. Those of which nothing is drawn are alike in all turns, so that they are made once. */
export function videoPlans(
  { batchSize, durationSec, ...options }: VideoOptions,
  conversation: number,
  turn: number,
): VideoPlan[] {
  const isOwn = options.kind === "noise" || options.audio !== undefined;
  return Array.from({ length: batchSize }, (_, index) => ({
    ...options,
    frames: Math.max(1, Math.floor(durationSec * options.fps)),
    audioFrames: Math.floor(durationSec * (options.audio?.sampleRateHz ?? 0)),
    stream: isOwn ? ["video_noise", conversation, turn, index] : ["video_noise", 0, 0, 0],
  }));
}

type Colour = readonly [red: number, green: number, blue: number];

/** The frame of this number: three bytes a pixel, red, green and blue, row after row from the top. */
export function videoFrame(plan: VideoPlan, seed: number, frame: number): Uint8Array {
  switch (plan.kind) {
    case "moving_shapes":
      return movingShapes(plan, frame);
    case "grid_clock":
      return gridClock(plan, frame);
    case "noise":
      return randomBytes(3 * plan.width * plan.height, seed, "dataset", ...plan.stream, frame);
  }
}

/** A red and a blue circle and a green square on black, which leave on one side and come back on the other. */
function movingShapes({ width, height, frames }: VideoPlan, frame: number): Uint8Array {
  const canvas = new Canvas(width, height, [0, 0, 0]);
  const wrapped = (start: number, step: number, size: number): number => (((start + step * frame) % size) + size) % size;
  canvas.disc(wrapped(0, (2 * width) / frames, width), Math.floor(height / 2), 15, [255, 0, 0]);
  canvas.square(Math.floor(width / 2), wrapped(0, (2 * height) / frames, height), 12, [0, 255, 0]);
  const left = wrapped(width, (-1.5 * width) / frames, width);
  canvas.disc(left, wrapped(height, (-1.5 * height) / frames, height), 10, [0, 0, 255]);
  return canvas.rgb;
}

/** Lines 32 pixels apart, and a clock whose long hand goes round once. */
function gridClock({ width, height, frames }: VideoPlan, frame: number): Uint8Array {
  const canvas = new Canvas(width, height, [32, 32, 32]);
  for (let x = 0; x < width; x += 32) canvas.box(x, 0, x, height - 1, [64, 64, 64]);
  for (let y = 0; y < height; y += 32) canvas.box(0, y, width - 1, y, [64, 64, 64]);
  const [x, y] = [Math.floor(width / 2), Math.floor(height / 2)];
  const radius = Math.floor(Math.min(width, height) / 4);
  const angle = (2 * Math.PI * frame) / frames;
  canvas.hand(x, y, angle / 12, 0.6 * radius, 3, [255, 255, 0]);
  canvas.hand(x, y, angle, 0.9 * radius, 2, [255, 255, 255]);
  canvas.ring(x, y, radius, 2, [128, 128, 128]);
  canvas.disc(x, y, 3, [255, 0, 0]);
  return canvas.rgb;
}

/** A picture that is drawn on; what lies beside it is cut off. */
class Canvas {
  readonly rgb: Uint8Array;
  readonly #width: number;
  readonly #height: number;

  constructor(width: number, height: number, colour: Colour) {
    this.#width = width;
    this.#height = height;
    this.rgb = new Uint8Array(3 * width * height);
    this.box(0, 0, width - 1, height - 1, colour);
  }

  /** Filled, corners included. */
  box(left: number, top: number, right: number, bottom: number, colour: Colour): void {
    this.#where(left, top, right, bottom, colour, () => true);
  }

  disc(x: number, y: number, radius: number, colour: Colour): void {
    const isIn = (dx: number, dy: number): boolean => dx * dx + dy * dy <= radius * radius;
    this.#where(x - radius, y - radius, x + radius, y + radius, colour, (column, row) => isIn(column - x, row - y));
  }

  square(x: number, y: number, reach: number, colour: Colour): void {
    this.box(Math.ceil(x - reach), Math.ceil(y - reach), Math.floor(x + reach), Math.floor(y + reach), colour);
  }

  ring(x: number, y: number, radius: number, thickness: number, colour: Colour): void {
    this.#where(x - radius, y - radius, x + radius, y + radius, colour, (column, row) => {
      const distance = Math.sqrt((column - x) ** 2 + (row - y) ** 2);
      return distance <= radius && distance > radius - thickness;
    });
  }

  /** A line from a point, by its angle from the top. */
  hand(x: number, y: number, angle: number, length: number, thickness: number, colour: Colour): void {
    const [dx, dy] = [Math.sin(angle), -Math.cos(angle)];
    this.#where(x - length, y - length, x + length, y + length, colour, (column, row) => {
      const along = (column - x) * dx + (row - y) * dy;
      const beside = Math.abs((column - x) * dy - (row - y) * dx);
      return along >= 0 && along <= length && beside <= thickness / 2;
    });
  }

  #where(
    left: number,
    top: number,
    right: number,
    bottom: number,
    colour: Colour,
    isIn: (column: number, row: number) => boolean,
  ): void {
    const [firstRow, lastRow] = [Math.max(0, Math.floor(top)), Math.min(this.#height - 1, Math.ceil(bottom))];
    const [first, last] = [Math.max(0, Math.floor(left)), Math.min(this.#width - 1, Math.ceil(right))];
    for (let row = firstRow; row <= lastRow; row++) {
      for (let column = first; column <= last; column++) {
        if (isIn(column, row)) this.rgb.set(colour, 3 * (this.#width * row + column));
      }
    }
  }
}
