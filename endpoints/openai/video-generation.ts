/**
 * Videos, `POST /v1/videos`, of OpenAI's form: the answer names a job, which is asked for every 0.1 s (`GET /v1/videos/{id}`) until it is
 * over; where it is wanted, the video is downloaded then (`GET /v1/videos/{id}/content`). All of it is one request.
 */
import type { Endpoint, FollowUp, ParsedResponse, TurnInput, WholeResponse } from "../endpoint.ts";
import { type EventMeaning, parseAnswer } from "../event-stream.ts";
import { decodeText, encodeJson, isJsonObject, type JsonObject, parseJson, textOf } from "../json-body.ts";
import { contentsOf } from "../parts.ts";
import { errorWords, wordsOf } from "../target-error.ts";

export interface VideoOptions {
  /** The video is fetched, too, and its last byte is the request's end. Default false. */
  readonly downloadVideoContent?: boolean;
}

/** AIPerf's. */
const pollMs = 100;

export function createVideoGenerationEndpoint({ downloadVideoContent = false }: VideoOptions = {}): Endpoint {
  return {
    name: "video_generation",
    path: "/v1/videos",
    canStream: false,
    takes: ["text", "image"],
    produces: "video",
    formatBody: (turn) => encodeJson({ ...videoBody(turn), ...turn.extraInputs }),
    next: (response) => nextStep(response, downloadVideoContent),
    parse: (response) => ({ ...parseAnswer(response, readVideo), ...makingOf(response.payload) }),
  };
}

function videoBody({ messages, model }: TurnInput): JsonObject {
  const own = messages.slice(-1);
  const [image] = contentsOf(own, "image");
  const [prompt = ""] = contentsOf(own, "text");
  return { prompt, model, ...(image === undefined ? {} : { input_reference: image }) };
}

/** Words for a job that goes on: OpenAI's and those of servers that took its form. */
const goingOn: ReadonlySet<unknown> = new Set(["queued", "in_progress", "pending", "processing", "running"]);

function nextStep({ payload }: WholeResponse, isDownloading: boolean): FollowUp | undefined {
  const job = parseJson(decodeText(payload));
  const id = isJsonObject(job) ? textOf(job.id) : undefined;
  if (!isJsonObject(job) || id === undefined || job.error) return undefined;
  const below = `/${encodeURIComponent(id)}`;
  if (goingOn.has(job.status)) return { below, waitMs: pollMs };
  return isDownloading && job.status === "completed" ? { below: `${below}/content`, waitMs: 0, isDownload: true } : undefined;
}

function readVideo(job: JsonObject): EventMeaning {
  const status = textOf(job.status);
  const isFailed = status !== undefined && status !== "completed" && !goingOn.has(status);
  const failure = isFailed ? `the job is ${status}${job.error ? `: ${wordsOf(job.error)}` : ""}` : undefined;
  return {
    outputText: "",
    reasoningText: "",
    finishReason: status === "completed" ? status : undefined,
    usage: undefined,
    errorWords: failure ?? errorWords(job),
    ...(status === "completed" ? { outputCount: 1 } : {}),
  };
}

/** What servers of diffusion models say of the making: `inference_time_s` and `peak_memory_mb` of the job. */
function makingOf(payload: Uint8Array): Pick<ParsedResponse, "videoInferenceSec" | "videoPeakMemoryMb"> {
  const job = parseJson(decodeText(payload));
  if (!isJsonObject(job)) return {};
  const { inference_time_s: seconds, peak_memory_mb: megabytes } = job;
  return {
    ...(isAmount(seconds) ? { videoInferenceSec: seconds } : {}),
    ...(isAmount(megabytes) ? { videoPeakMemoryMb: megabytes } : {}),
  };
}

function isAmount(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}
