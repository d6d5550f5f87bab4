/**
 * OpenAI's transcriptions, `POST /v1/audio/transcriptions`: the turn's audio as a file. A stream is OpenAI's (`transcript.text.delta`) or
 * that of vLLM, whose chunks are a chat's.
 */
import { AssayError } from "../../services/common/errors.ts";
import type { Endpoint, TurnInput } from "../endpoint.ts";
import { type AnswerRules, type EventMeaning, parseAnswer } from "../event-stream.ts";
import { isJsonObject, type JsonObject, textOf } from "../json-body.ts";
import { encodeForm, extraFields, fileOf, formContentType } from "../multipart.ts";
import { contentsOf } from "../parts.ts";
import { errorWords } from "../target-error.ts";
import { readChatEvent } from "./chat-event.ts";
import { usageOf } from "./usage.ts";

export function createAudioTranscriptionEndpoint(): Endpoint {
  return {
    name: "audio_transcription",
    path: "/v1/audio/transcriptions",
    canStream: true,
    contentType: formContentType,
    takes: ["text", "audio"],
    needs: ["audio"],
    produces: "text",
    asksNoLength: true,
    formatBody: transcriptionForm,
    parse: (response) => parseAnswer(response, createReader(), undefined, rulesFor(response.contentType)),
  };
}

/** A text of the turn is the prompt, which some models take as what came before. */
function transcriptionForm({ messages, model, isStreaming, extraInputs }: TurnInput): Uint8Array {
  const own = messages.slice(-1);
  const [audio = ""] = contentsOf(own, "audio");
  const file = fileOf(audio, "audio");
  if (file === undefined) throw new AssayError("invalid_argument", "a transcription needs an audio file in the turn");
  const prompt = contentsOf(own, "text").join("\n");
  const fields = {
    model,
    ...(prompt === "" ? {} : { prompt }),
    ...(isStreaming ? { stream: "true" } : {}),
    ...extraInputs,
  };
  return encodeForm([{ name: "file", value: file }, ...extraFields(fields)]);
}

/** With `response_format` text, srt or vtt the answer is no JSON. */
function rulesFor(contentType: string): AnswerRules {
  if (!/^text\/(?:plain|vtt|srt)|^application\/x-subrip/i.test(contentType)) return {};
  return { documentOf: (document, text) => (isJsonObject(document) ? document : { text: text.trim() }) };
}

/** The last event says all of the text again. */
function createReader(): (event: JsonObject) => EventMeaning {
  let hasText = false;
  return (event) => {
    if (Array.isArray(event.choices)) return readChatEvent(event);
    const { type } = event;
    const isDone = type === "transcript.text.done";
    const text = type === "transcript.text.delta" ? event.delta : isDone && hasText ? "" : event.text;
    hasText ||= type === "transcript.text.delta";
    return {
      outputText: textOf(text) ?? "",
      reasoningText: "",
      finishReason: undefined,
      usage: usageOf(event),
      errorWords: errorWords(event),
      isEnd: isDone,
    };
  };
}
