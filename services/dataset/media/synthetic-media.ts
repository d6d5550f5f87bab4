/** From what a spec says of synthetic media to a dataset that has them, tried out before anything is sent. */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type {
  SyntheticAudio,
  SyntheticDataset,
  SyntheticImages,
  SyntheticVideo,
} from "../../../gen/assay/common/v1/run_spec_pb.js";
import { AssayError } from "../../common/errors.ts";
import { type AudioOptions, audioDepths } from "../core/media/audio.ts";
import { type ImageOptions, imageSamplings } from "../core/media/images.ts";
import { type MediaOptions, mediaPlans, problemAhead } from "../core/media/media.ts";
import { type VideoOptions, videoKinds } from "../core/media/video.ts";
import type { Dataset, DatasetSummary } from "../core/turns.ts";
import type { OnProgress } from "../progress.ts";
import { findFfmpeg } from "./ffmpeg.ts";
import { type ImageFolder, imageFolder } from "./image-folder.ts";
import { type MediaDataset, mediaDataset } from "./media-dataset.ts";

export interface SyntheticMedia extends MediaDataset {
  /** `1 image of 512 × 512 …`, for people. */
  readonly description: string;
  readonly warnings: readonly string[];
}

interface MediaContext {
  readonly seed: number;
  /** Folder below which pictures may be read; undefined: none may. */
  readonly root: string | undefined;
  /** Ends the work. */
  readonly signal: AbortSignal;
  readonly onProgress: OnProgress;
}

const at = "dataset.synthetic";
/** Turns whose sizes are looked at before anything is sent. */
const checkedTurns = 1000;
/** How long a run waits for media before it begins, in ms, and how many turns it asks for at a time meanwhile. */
const aheadMs = 30_000;
const madeAtOnce = 8;

export function hasMedia({ images, audio, video }: SyntheticDataset): boolean {
  return [images, audio, video].some((medium) => (medium?.batchSize ?? (medium === undefined ? 0 : 1)) > 0);
}

/**
 * @param base without media, and what it is in figures
 * @throws `invalid_argument`, `not_found`, `permission_denied` for a folder that cannot be used; `failed_precondition` where ffmpeg is
 *   needed and cannot do it; `resource_exhausted` for turns that are too large to be sent. Each names the field.
 */
export async function addMedia(
  base: Dataset,
  summary: DatasetSummary,
  { images, audio, video }: SyntheticDataset,
  { seed, root, signal, onProgress }: MediaContext,
): Promise<SyntheticMedia> {
  const isDrawn = images === undefined || images.source === "" || images.source === "noise";
  const folder = isDrawn ? undefined : await imageFolder(images.source, root, signal);
  const ffmpeg = findFfmpeg();
  if (video !== undefined && (video.batchSize ?? 1) > 0 && ffmpeg === undefined) throw withoutFfmpeg(`${at}.video`, "videos are");
  if (audio?.format === "mp3" && (audio.batchSize ?? 1) > 0 && ffmpeg === undefined) {
    throw withoutFfmpeg(`${at}.audio.format`, "MP3 files are");
  }
  const options: MediaOptions = {
    seed,
    images: images && imageOptions(images, folder),
    audio: audio && audioOptions(audio),
    video: video && videoOptions(video),
  };
  checkSizes(base, options);
  const pictures = folder && { folder: folder.folder, root: root ?? folder.folder };
  const temporary = options.video === undefined ? undefined : mkdtempSync(join(tmpdir(), "assay-video-"));
  const made = mediaDataset(base, summary, options, { seed, pictures, ffmpeg, temporary });
  try {
    const ready = await makeAhead(made, options, { signal, onProgress });
    const { turns } = summary;
    const slow = `media of ${ready} of ${turns} turns are ready, the others are made while the run goes on: requests may wait for them`;
    const warnings = [...(folder?.leftOut === undefined ? [] : [folder.leftOut]), ...(ready < turns ? [slow] : [])];
    return { ...made, description: descriptionOf(options), warnings };
  } catch (error) {
    made.close();
    throw error;
  }
}

function withoutFfmpeg(field: string, what: string): AssayError {
  const description = `${what} made by ffmpeg, and there is none in the PATH of the dataset service's host`;
  return new AssayError("failed_precondition", `${field}: ${description}`, { violations: [{ field, description }] });
}

function imageOptions(
  { width, height, format, sourceSampling, batchSize }: SyntheticImages,
  folder: ImageFolder | undefined,
): ImageOptions {
  return {
    width: width ?? { mean: 1, stddev: 0 },
    height: height ?? { mean: 1, stddev: 0 },
    format: format === "jpeg" || format === "random" ? format : "png",
    folder: folder && {
      files: folder.files,
      sampling: imageSamplings.find((known) => known === sourceSampling) ?? "random-with-replacement",
    },
    batchSize: batchSize ?? 1,
  };
}

function audioOptions({ lengthSec, format, sampleRatesKhz, depths, channels, batchSize }: SyntheticAudio): AudioOptions {
  return {
    lengthSec: lengthSec ?? { mean: 1, stddev: 0 },
    format: format === "mp3" ? "mp3" : "wav",
    sampleRatesHz: sampleRatesKhz.length === 0 ? [16_000] : sampleRatesKhz.map((rate) => Math.round(1000 * rate)),
    depths: depths.length === 0 ? [16] : depths.filter((depth) => audioDepths.includes(depth)),
    channels: channels ?? 1,
    batchSize: batchSize ?? 1,
  };
}

function videoOptions(video: SyntheticVideo): VideoOptions {
  const { width, height, durationSec, fps, synthType, format, codec, batchSize } = video;
  const { audioChannels: channels = 0, audioSampleRateHz, audioDepth, audioCodec } = video;
  return {
    width,
    height,
    durationSec: durationSec ?? 5,
    fps: fps ?? 4,
    kind: videoKinds.find((known) => known === synthType) ?? "moving_shapes",
    format: format === "mp4" ? "mp4" : "webm",
    codec: codec === "" ? "libvpx-vp9" : codec,
    audio:
      channels === 0
        ? undefined
        : {
            channels,
            sampleRateHz: Math.round(audioSampleRateHz ?? 44_100),
            depth: audioDepths.find((known) => known === audioDepth) ?? 16,
            codec: audioCodec === "aac" || audioCodec === "libopus" ? audioCodec : "libvorbis",
          },
    batchSize: batchSize ?? 1,
  };
}

/** Of the first turns; those behind them are refused one by one. */
function checkSizes(base: Dataset, options: MediaOptions): void {
  let left = checkedTurns;
  for (let conversation = 0; conversation < base.size && left > 0; conversation++) {
    for (let turn = 0; turn < base.plan(conversation).length && left > 0; turn++, left--) {
      const problem = problemAhead(mediaPlans(options, conversation, turn, 0));
      if (problem === undefined) continue;
      const field = `${at}.${options.images === undefined ? "audio" : "images"}`;
      const description = `conversation ${conversation}, turn ${turn}: ${problem}`;
      throw new AssayError("resource_exhausted", `${field}: ${description}`, { violations: [{ field, description }] });
    }
  }
}

/** Makes the first turns, as many as stay and as there is time for; gives how many. They are what is asked for first. */
async function makeAhead(
  { dataset, isFull }: MediaDataset,
  options: MediaOptions,
  { signal, onProgress }: Pick<MediaContext, "signal" | "onProgress">,
): Promise<number> {
  const end = performance.now() + aheadMs;
  const stopped = new Promise<never>((_, reject) => {
    const stop = (): void => reject(new AssayError("cancelled", "the dataset was not prepared", { cause: signal.reason }));
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
  // Whoever races it hears of it.
  stopped.catch(() => {});
  let ready = 0;
  const makeNext = async (turns: Iterator<readonly [conversation: number, turn: number]>): Promise<void> => {
    for (;;) {
      if (ready > 0 && (isFull() || performance.now() > end)) return;
      const next = turns.next();
      if (next.done === true) return;
      await Promise.race([dataset.later(...next.value), stopped]);
      onProgress({ step: "media", rows: ++ready, doneBytes: 0, totalBytes: 0 });
    }
  };
  try {
    const turns = turnsOf(dataset);
    await Promise.all(Array.from({ length: madeAtOnce }, () => makeNext(turns)));
    return ready;
  } catch (error) {
    if (!(error instanceof AssayError) || error.code === "cancelled") throw error;
    const field = fieldOf(options);
    const { code, message } = error;
    throw new AssayError(code, `${field}: ${message}`, { cause: error, violations: [{ field, description: message }] });
  }
}

function* turnsOf({ size, plan }: Dataset): Generator<readonly [conversation: number, turn: number]> {
  for (let conversation = 0; conversation < size; conversation++) {
    for (let turn = 0; turn < plan(conversation).length; turn++) yield [conversation, turn];
  }
}

/** What is most likely to go wrong. */
function fieldOf({ images, audio, video }: MediaOptions): string {
  if (video !== undefined) return `${at}.video`;
  if (audio?.format === "mp3") return `${at}.audio.format`;
  return images?.folder === undefined ? `${at}.images` : `${at}.images.source`;
}

function descriptionOf({ images, audio, video }: MediaOptions): string {
  const counted = (count: number, one: string, many: string): string[] =>
    count === 0 ? [] : [`${count} ${count === 1 ? one : many}`];
  const all = [
    ...counted(images?.batchSize ?? 0, "image", "images"),
    ...counted(audio?.batchSize ?? 0, "audio", "audios"),
    ...counted(video?.batchSize ?? 0, "video", "videos"),
  ];
  return `${all.join(", ")} a turn`;
}
