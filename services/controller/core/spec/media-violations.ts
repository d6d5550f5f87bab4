import type {
  SyntheticAudio,
  SyntheticDataset,
  SyntheticImages,
  SyntheticVideo,
} from "../../../../gen/assay/common/v1/run_spec_pb.js";
import { isAbsolutePath } from "../../../common/absolute-path.ts";
import type { Demand } from "./demand.ts";
import { checkDistribution } from "./distribution-violations.ts";

const at = "dataset.synthetic";
const maxBatchSize = 10_000;
const maxImageSide = 16_384;
const maxVideoSide = 7680;
const maxSeconds = 3600;
const samplings = ["random-with-replacement", "shuffle-cycle", "sequential-cycle"];
const depths = [8, 16, 24, 32];
const mp3RatesKhz = [8, 11.025, 12, 16, 22.05, 24, 32, 44.1, 48];

/** Of images, audio and video that are made. */
export function checkMedia({ images, audio, video, rankings }: SyntheticDataset, demand: Demand): void {
  if (images !== undefined) checkImages(images, demand);
  if (audio !== undefined) checkAudio(audio, demand);
  if (video !== undefined) checkVideo(video, demand);
  const media = [images, audio, video].reduce((sum, medium) => sum + (medium?.batchSize ?? 0), 0);
  demand(rankings === undefined || media === 0, `${at}.rankings`, "rankings have no media");
}

function checkImages({ width, height, format, source, sourceSampling, batchSize }: SyntheticImages, demand: Demand): void {
  const field = `${at}.images`;
  demand(width !== undefined, `${field}.width`, "is needed");
  demand(height !== undefined, `${field}.height`, "is needed");
  checkDistribution(width, [1, maxImageSide], `${field}.width`, demand);
  checkDistribution(height, [1, maxImageSide], `${field}.height`, demand);
  oneOf(format, ["png", "jpeg", "random"], `${field}.format`, demand);
  const isOwn = source === "assets";
  demand(!isOwn, `${field}.source`, "AIPerf's own pictures are not part of this program: name a folder of pictures, or noise");
  const isSource = isOwn || source === "noise" || isAbsolutePath(source);
  demand(isSource, `${field}.source`, `must be noise or the absolute path of a folder, got ${JSON.stringify(source)}`);
  oneOf(sourceSampling, samplings, `${field}.source_sampling`, demand);
  const isDrawn = source !== "noise" || sourceSampling === "random-with-replacement";
  demand(isDrawn, `${field}.source_sampling`, `${sourceSampling} needs a folder of pictures`);
  checkBatchSize(batchSize, field, demand);
}

function checkAudio(
  { lengthSec, format, sampleRatesKhz, depths: given, channels, batchSize }: SyntheticAudio,
  demand: Demand,
): void {
  const field = `${at}.audio`;
  demand(lengthSec !== undefined, `${field}.length_sec`, "is needed");
  checkDistribution(lengthSec, [0.01, maxSeconds], `${field}.length_sec`, demand);
  oneOf(format, ["wav", "mp3"], `${field}.format`, demand);
  for (const rate of sampleRatesKhz) {
    demand(rate >= 1 && rate <= 384, `${field}.sample_rates_khz`, `must be from 1 to 384, got ${rate}`);
    const isKnown = format !== "mp3" || mp3RatesKhz.includes(rate);
    demand(isKnown, `${field}.sample_rates_khz`, `must be ${mp3RatesKhz.join(", ")} for mp3, got ${rate}`);
  }
  for (const depth of given) demand(depths.includes(depth), `${field}.depths`, `must be ${depths.join(", ")}, got ${depth}`);
  demand(channels === 1 || channels === 2, `${field}.channels`, `must be 1 or 2, got ${channels}`);
  checkBatchSize(batchSize, field, demand);
}

function checkVideo(video: SyntheticVideo, demand: Demand): void {
  const field = `${at}.video`;
  const { width, height, durationSec = 0, fps = 0, codec, audioChannels = 0, audioSampleRateHz = 0, audioDepth = 0 } = video;
  for (const [name, side] of Object.entries({ width, height })) {
    demand(side >= 2 && side <= maxVideoSide, `${field}.${name}`, `must be from 2 to ${maxVideoSide}, got ${side}`);
  }
  const isLong = durationSec > 0 && durationSec <= maxSeconds;
  demand(isLong, `${field}.duration_sec`, `must be above 0 and at most ${maxSeconds}, got ${durationSec}`);
  demand(fps >= 1 && fps <= 240, `${field}.fps`, `must be from 1 to 240, got ${fps}`);
  demand(durationSec * fps >= 1, `${field}.duration_sec`, `has no frame: ${durationSec} s of ${fps} frames a second`);
  oneOf(video.synthType, ["moving_shapes", "grid_clock", "noise"], `${field}.synth_type`, demand);
  oneOf(video.format, ["webm", "mp4"], `${field}.format`, demand);
  // It becomes an argument of a program.
  demand(
    /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/.test(codec),
    `${field}.codec`,
    `must be the name of an encoder, got ${JSON.stringify(codec)}`,
  );
  checkBatchSize(video.batchSize, field, demand);
  demand(audioChannels <= 2, `${field}.audio_channels`, `must be at most 2, got ${audioChannels}`);
  if (audioChannels === 0) return;
  const isRate = audioSampleRateHz >= 8000 && audioSampleRateHz <= 96_000;
  demand(isRate, `${field}.audio_sample_rate_hz`, `must be from 8000 to 96000, got ${audioSampleRateHz}`);
  demand(depths.includes(audioDepth), `${field}.audio_depth`, `must be ${depths.join(", ")}, got ${audioDepth}`);
  oneOf(video.audioCodec, ["aac", "libvorbis", "libopus"], `${field}.audio_codec`, demand);
}

function checkBatchSize(size = 1, field: string, demand: Demand): void {
  demand(size <= maxBatchSize, `${field}.batch_size`, `must be at most ${maxBatchSize}, got ${size}`);
}

function oneOf(value: string, choices: readonly string[], field: string, demand: Demand): void {
  demand(choices.includes(value), field, `must be ${choices.join(", ")}, got ${JSON.stringify(value)}`);
}
