/** Images of synthetic turns: what each is, a function of the options, the seed and its turn. The pixels are made elsewhere. Pure. */
import { permutation, randomStream } from "../../../common/random.ts";
import { type Distribution, drawLength } from "../distributions.ts";

export type ImageFormat = "png" | "jpeg";

export const imageSamplings = ["random-with-replacement", "shuffle-cycle", "sequential-cycle"] as const;

export interface ImageOptions {
  readonly width: Distribution;
  readonly height: Distribution;
  /** `random`: one of the two, drawn for each image. */
  readonly format: ImageFormat | "random";
  /** Undefined: every pixel is drawn. */
  readonly folder: ImageFolder | undefined;
  /** Images of a turn. */
  readonly batchSize: number;
}

export interface ImageFolder {
  /** Names of its images, at least one, in their order. */
  readonly files: readonly string[];
  readonly sampling: (typeof imageSamplings)[number];
}

export interface ImagePlan {
  readonly width: number;
  readonly height: number;
  readonly format: ImageFormat;
  /** A file of the folder; undefined: noise. */
  readonly file: string | undefined;
  /** Path of its pixels' stream. */
  readonly stream: readonly [label: string, conversation: number, turn: number, index: number];
}

/** No side is longer, however wide the distribution. */
export const maxImageSide = 16_384;

/**
 * Plans of a turn's images. Each quantity draws from a stream of its own: another format leaves sizes and pixels as they are.
 *
 * @param turnNumber of all turns of the dataset in order, which cycles through a folder count by
 */
export function imagePlans(
  { width, height, format, folder, batchSize }: ImageOptions,
  seed: number,
  conversation: number,
  turn: number,
  turnNumber: number,
): ImagePlan[] {
  const sizes = randomStream(seed, "dataset", "image_size", conversation, turn);
  const formats = randomStream(seed, "dataset", "image_format", conversation, turn);
  const fileOf = folder && fileChooser(folder, seed, conversation, turn);
  return Array.from({ length: batchSize }, (_, index) => ({
    width: Math.min(maxImageSide, drawLength(width, 1, sizes)),
    height: Math.min(maxImageSide, drawLength(height, 1, sizes)),
    format: format === "random" ? (formats.below(2) === 0 ? "png" : "jpeg") : format,
    file: fileOf?.(turnNumber * batchSize + index),
    stream: ["image_pixels", conversation, turn, index],
  }));
}

/** Gives the file of the image of this number, counted over the whole dataset. */
function fileChooser({ files, sampling }: ImageFolder, seed: number, conversation: number, turn: number) {
  const draws = randomStream(seed, "dataset", "image_file", conversation, turn);
  const order: { round: number; files: Uint32Array } = { round: -1, files: new Uint32Array(0) };
  return (number: number): string | undefined => {
    const place = number % files.length;
    switch (sampling) {
      case "random-with-replacement":
        return files[draws.below(files.length)];
      case "sequential-cycle":
        return files[place];
      case "shuffle-cycle": {
        const round = Math.floor(number / files.length);
        if (order.round !== round) {
          order.round = round;
          order.files = permutation(randomStream(seed, "dataset", "image_order", round), files.length);
        }
        return files[order.files[place] ?? 0];
      }
    }
  };
}
