/** Makes the media of synthetic turns, in a thread: everything here may block. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { threadId } from "node:worker_threads";
import type { ContentPart } from "../../../endpoints/endpoint.ts";
import { AssayError, messageOf } from "../../common/errors.ts";
import { randomBytes, randomStream } from "../../common/random.ts";
import { maxMediaChars, mediaHeadBytes, mediaType } from "../core/formats/media.ts";
import { type AudioPlan, wavNoise } from "../core/media/audio.ts";
import type { ImagePlan } from "../core/media/images.ts";
import { jpegFile } from "../core/media/jpeg.ts";
import { type MediumPlan, sizeProblem } from "../core/media/media.ts";
import { type Pixels, resized } from "../core/media/pixels.ts";
import { compressedPng, storedPng } from "../core/media/png.ts";
import { type VideoPlan, videoFrame } from "../core/media/video.ts";
import { realPathBelow } from "../reading/media-files.ts";
import { type Encoding, encode } from "./ffmpeg.ts";
import { readJpeg } from "./jpeg-file.ts";
import { pngTools, readPng } from "./png-file.ts";

export interface MediaTools {
  readonly seed: number;
  /** Where pictures are; undefined: there are none. */
  readonly pictures: { readonly folder: string; readonly root: string } | undefined;
  /** Path of ffmpeg; undefined: there is none. */
  readonly ffmpeg: string | undefined;
  /** Folder for files on their way; undefined: none are needed. */
  readonly temporary: string | undefined;
}

/** Longest time for one video or MP3 file. */
const encodingMs = 120_000;
/** Bytes of pictures and of videos that are the same for all that are kept. */
const keptBytes = 32 << 20;
/** Base64 makes four characters of three bytes. */
const maxFileBytes = (maxMediaChars / 4) * 3;

/** Media of one dataset. The same plan gives the same bytes. */
export class MediaMaker {
  readonly #tools: MediaTools;
  readonly #pictures = new Map<string, Pixels>();
  #pictureBytes = 0;
  #video: { readonly key: string; readonly content: string } | undefined;

  constructor(tools: MediaTools) {
    this.#tools = tools;
  }

  /** Rejects with why they cannot be made or not be sent. */
  async make(media: readonly MediumPlan[]): Promise<ContentPart[]> {
    const parts: ContentPart[] = [];
    let chars = 0;
    for (const medium of media) {
      const content = await this.#contentOf(medium);
      chars += content.length;
      const problem = sizeProblem(chars);
      if (problem !== undefined) throw new AssayError("resource_exhausted", problem);
      parts.push({ modality: medium.modality, content });
    }
    return parts;
  }

  async #contentOf({ modality, plan }: MediumPlan): Promise<string> {
    switch (modality) {
      case "image":
        return dataUrl(`image/${plan.format}`, this.#image(plan));
      case "audio":
        return dataUrl(`audio/${plan.format}`, await this.#audio(plan));
      case "video":
        return this.#videoUrl(plan);
    }
  }

  #image({ width, height, format, file, stream }: ImagePlan): Uint8Array {
    if (file !== undefined) {
      const picture = resized(this.#picture(file), width, height);
      return format === "png" ? compressedPng(picture, pngTools) : jpegFile(picture);
    }
    const noise = { width, height, rgb: randomBytes(3 * width * height, this.#tools.seed, "dataset", ...stream) };
    return format === "png" ? storedPng(noise, pngTools) : jpegFile(noise);
  }

  #picture(file: string): Pixels {
    const known = this.#pictures.get(file);
    if (known !== undefined) return known;
    const { pictures } = this.#tools;
    if (pictures === undefined) throw new AssayError("internal", `${file}: there is no folder of pictures`);
    const path = join(pictures.folder, file);
    const picture = readPicture(path, pictures.root);
    if (this.#pictureBytes + picture.rgb.length > keptBytes) {
      this.#pictures.clear();
      this.#pictureBytes = 0;
    }
    this.#pictures.set(file, picture);
    this.#pictureBytes += picture.rgb.length;
    return picture;
  }

  async #audio(plan: AudioPlan): Promise<Uint8Array> {
    const wav = wavNoise(plan, randomStream(this.#tools.seed, "dataset", ...plan.stream));
    if (plan.format === "wav") return wav;
    return this.#encoded(["-f", "wav", "-i", "pipe:0", ...exactly, "-c:a", "libmp3lame", "-f", "mp3"], { input: [wav] });
  }

  /** The last one is kept: those without noise are all the same. */
  async #videoUrl(plan: VideoPlan): Promise<string> {
    const key = JSON.stringify(plan);
    if (this.#video?.key !== key) {
      const { seed, temporary = "" } = this.#tools;
      const audio = trackOf(plan, seed);
      const bytes = await this.#encoded(videoArguments(plan), {
        input: frames(plan, seed),
        file: join(temporary, `${threadId}.${plan.format}`),
        ...(audio === undefined ? {} : { audio }),
      });
      this.#video = { key, content: dataUrl(`video/${plan.format}`, bytes) };
    }
    return this.#video.content;
  }

  async #encoded(args: readonly string[], source: Pick<Encoding, "input" | "audio" | "file">): Promise<Buffer> {
    const { ffmpeg: program } = this.#tools;
    if (program === undefined) throw new AssayError("failed_precondition", "there is no ffmpeg on this host");
    return encode({ program, arguments: args, ...source, maxBytes: maxFileBytes, deadlineMs: encodingMs });
  }
}

/** The same bytes each time, as far as the encoder goes: no random names, no dates, no races between threads. */
const exactly = [
  "-map_metadata",
  "-1",
  "-fflags",
  "+bitexact",
  "-flags:v",
  "+bitexact",
  "-flags:a",
  "+bitexact",
  "-threads",
  "1",
];

function videoArguments({ width, height, fps, codec, format, audio }: VideoPlan): string[] {
  const pixels = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", `${width}x${height}`, "-r", `${fps}`, "-i", "pipe:0"];
  const track = audio === undefined ? [] : ["-f", "wav", "-i", "pipe:3"];
  // Opus knows 48 kHz alone.
  const rate = audio?.codec === "libopus" ? ["-ar", "48000"] : [];
  const sound = audio === undefined ? [] : ["-c:a", audio.codec, ...rate, "-shortest"];
  const placed = format === "mp4" ? ["-movflags", "faststart"] : [];
  return [...pixels, ...track, ...exactly, "-c:v", codec, "-pix_fmt", "yuv420p", ...sound, ...placed, "-f", format];
}

function* frames(plan: VideoPlan, seed: number): Generator<Uint8Array> {
  for (let frame = 0; frame < plan.frames; frame++) yield videoFrame(plan, seed, frame);
}

function trackOf({ audio, audioFrames, stream }: VideoPlan, seed: number): Uint8Array | undefined {
  return audio && wavNoise({ ...audio, frames: audioFrames }, randomStream(seed, "dataset", ...stream, "audio"));
}

function readPicture(path: string, root: string): Pixels {
  try {
    const file = readFileSync(realPathBelow(path, root));
    const found = mediaType(file.toString("latin1", 0, mediaHeadBytes), "image");
    return "type" in found && found.type === "image/png" ? readPng(file) : readJpeg(file);
  } catch (error) {
    throw new AssayError("data_loss", `picture ${path}: ${messageOf(error)}`, { cause: error });
  }
}

function dataUrl(type: string, bytes: Uint8Array): string {
  return `data:${type};base64,${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64")}`;
}
