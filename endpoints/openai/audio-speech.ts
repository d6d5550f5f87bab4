/**
 * OpenAI's speech, `POST /v1/audio/speech`: a text becomes the bytes of audio, which are sent as they are made. The first of them is the
 * first byte of the answer. With `stream_format: sse` among the extra inputs they come as events.
 */
import type { Endpoint, ParsedResponse, RawResponse, TurnInput } from "../endpoint.ts";
import { type EventMeaning, parseAnswer } from "../event-stream.ts";
import { encodeJson, type JsonObject, textOf } from "../json-body.ts";
import { contentsOf } from "../parts.ts";
import { errorWords } from "../target-error.ts";
import { usageOf } from "./usage.ts";

export function createAudioSpeechEndpoint(): Endpoint {
  return {
    name: "audio_speech",
    path: "/v1/audio/speech",
    canStream: false,
    headers: { accept: "*/*" },
    takes: ["text"],
    produces: "audio",
    formatBody: (turn) => encodeJson({ ...speechBody(turn), ...turn.extraInputs }),
    parse: parseSpeech,
  };
}

/** No server has a voice of its own accord; this is the name that most know. */
const defaultVoice = "alloy";

function speechBody({ messages, model }: TurnInput): JsonObject {
  return { model, input: contentsOf(messages.slice(-1), "text").join("\n"), voice: defaultVoice };
}

function parseSpeech(response: RawResponse): ParsedResponse {
  const { status, contentType, payload, readNs } = response;
  const isAudio = /^(?:audio\/|application\/(?:octet-stream|ogg))/i.test(contentType);
  if (!isAudio || status < 200 || status > 299 || payload.length === 0) return parseAnswer(response, readSpeechEvent);
  return {
    error: undefined,
    // Every read brings audio; a stamp at which nothing came is none.
    contentNs: Float64Array.from(new Set(readNs)),
    firstOutputNs: readNs[0],
    coalescedChunks: 0,
    outputText: "",
    reasoningText: "",
    usage: undefined,
    finishReason: undefined,
    isStreamIgnored: false,
  };
}

function readSpeechEvent(event: JsonObject): EventMeaning {
  const isAudio = event.type === "speech.audio.delta" && textOf(event.audio) !== undefined;
  return {
    outputText: "",
    reasoningText: "",
    finishReason: undefined,
    usage: usageOf(event),
    errorWords: errorWords(event),
    isEnd: event.type === "speech.audio.done",
    ...(isAudio ? { hasOtherContent: true } : {}),
  };
}
