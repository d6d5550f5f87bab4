/** Audio, edits of images, detections in them and jobs of videos. What is asked for by a form is read of it. Pure but for `Buffer`. */
import { asciiJson, isObject, textOfValue } from "./ascii-json.ts";
import { type MockEndpoint, type RequestJson, tokensOfTexts } from "./endpoint.ts";
import { eventTemplate, marks } from "./event-template.ts";
import { images } from "./images.ts";
import { errorBody, type Refusal, refusal } from "./refusal.ts";
import { firstWordOf, wordsFrom } from "./words.ts";

const errorEvents = (why: Refusal): string => `data: ${errorBody(why)}\n\n`;
const common = { namesModel: true, textsOf: () => [], hasDone: false, errorBody, errorEvents, usageOfStreams: "always" } as const;

/** `/v1/audio/transcriptions`: a form with a file, in which the words are pretended to be. */
export const transcription: MockEndpoint = {
  ...common,
  name: "audio_transcription",
  lengthFields: [],
  readPrompt: ({ file }) =>
    file === undefined
      ? refusal(400, "file must be a file of audio", "file")
      : { tokens: tokensOfTexts([textOfValue(file)]), choices: 1 },
  streamEvents: (_model, hasStamps) => {
    const stamp = hasStamps ? `,"assay_sent_ns":"${marks.stamp}"` : "";
    return {
      opening: () => undefined,
      content: (_choice, first, count) =>
        eventTemplate(`data: {"type":"transcript.text.delta","delta":"${wordsFrom(first, count)}"${stamp}}\n\n`),
      finish: () => undefined,
      ending: (request) => {
        const text = wordsFrom(firstWordOf(request, 0), request.tokens);
        const usage = request.hasUsage
          ? `,"usage":{"type":"tokens","input_tokens":${request.promptTokens},"output_tokens":${request.tokens}}`
          : "";
        return eventTemplate(`data: {"type":"transcript.text.done","text":"${text}"${usage}}\n\n`);
      },
    };
  },
  wholeBody: (request) => `{"text":"${wordsFrom(firstWordOf(request, 0), request.tokens)}"}`,
};

/** `/v1/audio/speech`: bytes that are called audio, in pieces, as they would be made. */
export const speech: MockEndpoint = {
  ...common,
  name: "audio_speech",
  lengthFields: [],
  readPrompt: ({ input, voice }) => {
    if (typeof input !== "string" || input === "") return refusal(400, "input must be a text that is not empty", "input");
    if (voice === undefined) return refusal(400, "voice must be given", "voice");
    return { tokens: tokensOfTexts([input]), choices: 1, isData: true };
  },
  streamType: "audio/mpeg",
  streamEvents: () => ({
    opening: () => undefined,
    content: (_choice, _first, count) => eventTemplate("SOUND ".repeat(16 * count)),
    finish: () => undefined,
    ending: () => undefined,
  }),
  wholeBody: () => "",
};

/** `/v1/images/edits`: the images of the generations. */
export const edits: MockEndpoint = {
  ...images,
  name: "image_edit",
  streamEvents: undefined,
  readPrompt: (json) => {
    const hasImage = json.image !== undefined || json.url !== undefined;
    return hasImage ? images.readPrompt({ ...json, n: Number(json.n ?? 1) }) : refusal(400, "image must be a file", "image");
  },
};

/** `/v1/infer` of NVIDIA's detectors: nothing is found in any image. */
export const detection: MockEndpoint = {
  ...common,
  name: "image_retrieval",
  namesModel: false,
  lengthFields: [],
  readPrompt: ({ input }) => {
    const isGiven = Array.isArray(input) && input.every((one) => isObject(one) && textOfValue(one.url).startsWith("data:"));
    if (!isGiven || input.length === 0) return refusal(422, "input must be a list of images as data: URLs", "input");
    return { tokens: input.length, choices: input.length, pieces: 1 };
  },
  streamEvents: undefined,
  wholeBody: ({ choices }) =>
    `{"data":[${Array.from({ length: choices }, (_, index) => `{"index":${index},"bounding_boxes":{}}`).join(",")}]}`,
};

/** `/v1/videos`: a job. */
export const videos: MockEndpoint = {
  ...common,
  name: "video_generation",
  lengthFields: [],
  readPrompt: ({ prompt }) =>
    typeof prompt === "string"
      ? { tokens: tokensOfTexts([prompt]), choices: 1, pieces: 1 }
      : refusal(400, "prompt must be a text", "prompt"),
  streamEvents: undefined,
  wholeBody: ({ model }) => jobJson(`video_${marks.id}`, "queued", model),
};

/** The path of a job, and of what it made. */
export const videoPaths = /^\/v1\/videos\/(video_[0-9a-f]{8})(\/content)?$/;

export const videoBytes = "VIDEO ".repeat(1000);

/** @param model undefined: nobody says */
export function jobJson(id: string, status: string, model: string | undefined): string {
  return `{"id":"${id}","object":"video","status":"${status}","progress":${status === "completed" ? 100 : 0},"error":null${model === undefined ? "" : `,"model":${asciiJson(model)}`}}`;
}

const hyphen = 0x2d;

/** A form's fields, files as the number of their bytes in words; undefined: the body is none. */
export function formJson(body: Buffer): RequestJson | undefined {
  if (body[0] !== hyphen || body[1] !== hyphen) return undefined;
  const line = body.subarray(0, body.indexOf("\r\n")).toString("latin1");
  if (!/^--[!-~]{1,70}$/.test(line)) return undefined;
  const parts = body.toString("latin1").split(line).slice(1, -1);
  const fields = parts.flatMap((part): [string, unknown][] => {
    const [head = "", ...rest] = part.split("\r\n\r\n");
    const content = rest.join("\r\n\r\n").slice(0, -2);
    const name = /; name="([^"]*)"/.exec(head)?.[1];
    if (name === undefined) return [];
    return [
      [name, head.includes("; filename=") ? `${content.length} bytes` : fieldValue(Buffer.from(content, "latin1").toString())],
    ];
  });
  return Object.fromEntries(fields);
}

function fieldValue(text: string): unknown {
  return text === "true" || text === "false" ? text === "true" : text;
}

export function speechRequest(json: RequestJson): RequestJson {
  return { ...json, stream: true };
}
