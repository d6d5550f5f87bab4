/** All media of a synthetic turn, before and after they are made. Pure. */
import type { ChatMessage, ContentPart } from "../../../../endpoints/endpoint.ts";
import { maxMediaChars } from "../formats/media.ts";
import { type AudioOptions, type AudioPlan, audioPlans, wavBytes } from "./audio.ts";
import { type ImageOptions, type ImagePlan, imagePlans } from "./images.ts";
import { storedPngBytes } from "./png.ts";
import { type VideoOptions, type VideoPlan, videoPlans } from "./video.ts";

export interface MediaOptions {
  readonly seed: number;
  /** Undefined: there are none; as below. */
  readonly images: ImageOptions | undefined;
  readonly audio: AudioOptions | undefined;
  readonly video: VideoOptions | undefined;
}

/** The media of a turn in the order in which they are sent. */
export type MediumPlan =
  | { readonly modality: "image"; readonly plan: ImagePlan }
  | { readonly modality: "audio"; readonly plan: AudioPlan }
  | { readonly modality: "video"; readonly plan: VideoPlan };

/** @param turnNumber of all turns of the dataset in order */
export function mediaPlans(options: MediaOptions, conversation: number, turn: number, turnNumber: number): MediumPlan[] {
  const { seed, images, audio, video } = options;
  return [
    ...(images === undefined ? [] : imagePlans(images, seed, conversation, turn, turnNumber)).map(
      (plan) => ({ modality: "image", plan }) as const,
    ),
    ...(audio === undefined ? [] : audioPlans(audio, seed, conversation, turn)).map(
      (plan) => ({ modality: "audio", plan }) as const,
    ),
    ...(video === undefined ? [] : videoPlans(video, conversation, turn)).map((plan) => ({ modality: "video", plan }) as const),
  ];
}

/** Pixels of an image that are held in memory. */
const maxPixels = 64_000_000;
/** A pixel of noise takes more than that in a JPEG file of our quality. */
const leastJpegBytes = 0.5;

/** What is wrong with the media of a turn, as far as that is known before they are made; undefined: nothing. */
export function problemAhead(media: readonly MediumPlan[]): string | undefined {
  for (const { modality, plan } of media) {
    if (modality !== "image" || plan.width * plan.height <= maxPixels) continue;
    return `an image of ${plan.width} × ${plan.height} has more than ${maxPixels} pixels`;
  }
  return sizeProblem(media.reduce((sum, medium) => sum + 4 * Math.ceil(leastBytes(medium) / 3), 0));
}

/** Of files whose size is known only when they are made none. */
function leastBytes({ modality, plan }: MediumPlan): number {
  if (modality === "image") {
    if (plan.file !== undefined) return 0;
    return plan.format === "png" ? storedPngBytes(plan.width, plan.height) : leastJpegBytes * plan.width * plan.height;
  }
  return modality === "audio" && plan.format === "wav" ? wavBytes(plan) : 0;
}

/** Why media of so many characters cannot be sent; undefined: they can. */
export function sizeProblem(chars: number): string | undefined {
  if (chars <= maxMediaChars) return undefined;
  return `its media have ${chars} characters as text or more, at most ${maxMediaChars} are sent`;
}

/** Messages whose last one has media behind its texts. */
export function withMedia(messages: readonly ChatMessage[], media: readonly ContentPart[]): ChatMessage[] {
  const last = messages.at(-1);
  if (last === undefined || media.length === 0) return [...messages];
  const texts: readonly ContentPart[] = last.parts ?? (last.content === "" ? [] : [{ modality: "text", content: last.content }]);
  return [...messages.slice(0, -1), { ...last, parts: [...texts, ...media] }];
}
