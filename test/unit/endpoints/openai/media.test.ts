/** Endpoints whose requests are forms, whose answers are bytes, or whose answers are jobs. */
import { expect } from "chai";
import type { ChatMessage, Endpoint, RawResponse, TurnInput } from "../../../../endpoints/endpoint.ts";
import { createImageRetrievalEndpoint } from "../../../../endpoints/nim/image-retrieval.ts";
import { createAudioSpeechEndpoint } from "../../../../endpoints/openai/audio-speech.ts";
import { createAudioTranscriptionEndpoint } from "../../../../endpoints/openai/audio-transcription.ts";
import { createImageEditEndpoint } from "../../../../endpoints/openai/image-edit.ts";
import { createVideoGenerationEndpoint } from "../../../../endpoints/openai/video-generation.ts";
import { bodyOf, bodyText, plainTurn } from "../turns.ts";
import { json, staysUnbroken } from "../unbroken.ts";
import { responseOf, sse } from "./answers.ts";

const png = "data:image/png;base64,AAEC";
const wav = "data:audio/wav;base64,UklGRg==";

function saying(...parts: NonNullable<ChatMessage["parts"]>): Partial<TurnInput> {
  return { messages: [{ role: "user", content: "", parts }] };
}

async function formOf(endpoint: Endpoint, changes: Partial<TurnInput>): Promise<Record<string, unknown>> {
  const body = new Uint8Array(endpoint.formatBody({ ...plainTurn, ...changes }));
  const form = await new Response(body, { headers: { "content-type": endpoint.contentType ?? "" } }).formData();
  return Object.fromEntries(
    [...form].map(([name, value]) => [name, value instanceof File ? `${value.name} ${value.size}` : value]),
  );
}

const parseWith =
  (endpoint: Endpoint) =>
  (text: string | Uint8Array, changes: Partial<RawResponse> = json) =>
    endpoint.parse(responseOf([{ text, ms: 1 }], changes));

describe("image_edit", () => {
  const endpoint = createImageEditEndpoint();
  const text = { modality: "text", content: "more trees" } as const;

  it("sends AIPerf's fields as a form, the image as a file", async () => {
    const turn = saying(text, { modality: "image", content: png });
    expect(await formOf(endpoint, { ...turn, extraInputs: { size: "256x256", n: 2 } })).to.deep.equal({
      prompt: "more trees",
      model: "llama",
      response_format: "b64_json",
      n: "2",
      size: "256x256",
      image: "image.png 3",
    });
  });

  it("sends an image elsewhere as its address, and a mask beside it", async () => {
    const turn = saying(
      text,
      { modality: "image", name: "mask", content: png },
      { modality: "image", content: "https://h/a.png" },
    );
    expect(await formOf(endpoint, turn)).to.include({ url: "https://h/a.png", mask: "mask.png 3" });
  });

  it("cannot be made without an image, nor with its own fields as extra inputs", () => {
    expect(() => endpoint.formatBody(plainTurn)).to.throw(/needs an image/);
    const turn = { ...plainTurn, ...saying({ modality: "image", content: png }), extraInputs: { mask: "x" } };
    expect(() => endpoint.formatBody(turn)).to.throw(/takes mask from the turn/);
  });

  it("counts the images of its answer", () => {
    expect(parseWith(endpoint)('{"created":1,"data":[{"b64_json":"AAAA"},{"url":"https://h/b.png"}]}')).to.deep.include({
      outputCount: 2,
      error: undefined,
    });
  });

  staysUnbroken(endpoint, [{ title: "a document", text: '{"created":1,"data":[{"b64_json":"AAAA"}]}', changes: json }]);
});

describe("audio_transcription", () => {
  const endpoint = createAudioTranscriptionEndpoint();
  const parse = parseWith(endpoint);
  const delta = (piece: string) => ({ type: "transcript.text.delta", delta: piece });
  const done = { type: "transcript.text.done", text: "Köln", usage: { type: "tokens", input_tokens: 14, output_tokens: 2 } };
  const chunk = (choice: Record<string, unknown>) => ({ object: "transcription.chunk", choices: [choice] });

  it("sends the audio as a file, and a text as the prompt", async () => {
    const turn = saying({ modality: "audio", content: wav }, { modality: "text", content: "names" });
    expect(await formOf(endpoint, { ...turn, isStreaming: true, extraInputs: { language: "de" } })).to.deep.equal({
      file: "audio.wav 4",
      model: "llama",
      prompt: "names",
      stream: "true",
      language: "de",
    });
    expect(() => endpoint.formatBody(plainTurn)).to.throw(/needs an audio file/);
  });

  it("reads OpenAI's stream, whose last event says all again, and vLLM's", () => {
    expect(parse(sse(delta("Kö"), delta("ln"), done), {})).to.deep.include({ outputText: "Köln", error: undefined });
    expect(parse(sse(delta("Kö"), delta("ln"), done), {}).usage).to.deep.include({ promptTokens: 14, completionTokens: 2 });
    expect(parse(sse(done), {}).outputText).to.equal("Köln");
    const chunks = [chunk({ delta: { content: "Kö" } }), chunk({ delta: { content: "ln" }, finish_reason: "stop" })];
    expect(parse(sse(...chunks, "[DONE]"), {}).outputText).to.equal("Köln");
    expect(parse(sse(delta("Kö")), {}).error?.code).to.equal("truncated");
  });

  it("reads a document, and a text where that was asked for", () => {
    expect(parse('{"text":"Köln","usage":{"type":"duration","seconds":3}}').outputText).to.equal("Köln");
    expect(parse("Köln\n", { contentType: "text/plain; charset=utf-8", isStreaming: false }).outputText).to.equal("Köln");
    expect(parse("<html>", { contentType: "text/html", isStreaming: false }).error?.code).to.equal("parse");
  });

  staysUnbroken(endpoint, [
    { title: "OpenAI's stream", text: sse(delta("Kö"), delta("ln"), done) },
    {
      title: "vLLM's stream",
      text: sse(chunk({ delta: { content: "Kö" } }), chunk({ delta: {}, finish_reason: "stop" }), "[DONE]"),
    },
    { title: "a document", text: '{"text":"Köln"}', changes: json },
  ]);
});

describe("audio_speech", () => {
  const endpoint = createAudioSpeechEndpoint();
  const parse = parseWith(endpoint);
  const audio = { contentType: "audio/mpeg", isStreaming: false };
  const event = { type: "speech.audio.delta", audio: "AAAA" };
  const done = { type: "speech.audio.done", usage: { input_tokens: 4, output_tokens: 9, total_tokens: 13 } };

  it("asks for the text in a voice", () => {
    expect(bodyText(endpoint, { extraInputs: { voice: "ash", response_format: "pcm" } })).to.equal(
      '{"model":"llama","input":"grüß dich 🚂","voice":"ash","response_format":"pcm"}',
    );
    expect(endpoint.headers).to.deep.equal({ accept: "*/*" });
  });

  it("has the moment of every read of audio", () => {
    const parts = [
      { text: Uint8Array.of(255, 251), ms: 5 },
      { text: Uint8Array.of(1), ms: 9 },
    ];
    const parsed = endpoint.parse(responseOf(parts, audio));
    expect([...parsed.contentNs]).to.deep.equal([5e6, 9e6]);
    expect(parsed).to.deep.include({ firstOutputNs: 5e6, error: undefined });
  });

  it("is no audio where it is empty, a document or a page, or has another status", () => {
    expect(endpoint.parse(responseOf([], audio)).error?.code).to.equal("empty");
    expect(parse('{"error":{"message":"no such voice"}}').error).to.include({ code: "in_band_error" });
    expect(parse("<html>", { contentType: "text/html", isStreaming: false }).error?.code).to.equal("parse");
    expect(parse("x", { ...audio, status: 500 }).error?.code).to.equal("http_5xx");
  });

  it("is read of events, too", () => {
    const { contentNs, error } = parse(sse(event, event, done), {});
    expect([contentNs.length, error]).to.deep.equal([2, undefined]);
    expect(parse(sse(event), {}).error?.code).to.equal("truncated");
  });

  staysUnbroken(endpoint, [{ title: "events", text: sse(event, event, done) }]);
});

describe("video_generation", () => {
  const endpoint = createVideoGenerationEndpoint();
  const job = (status: string, rest: Record<string, unknown> = {}): string =>
    JSON.stringify({ id: "video/1", object: "video", model: "m", status, progress: 0, seconds: "4", ...rest });
  const next = (text: string, downloadVideoContent = false) =>
    createVideoGenerationEndpoint({ downloadVideoContent }).next?.({
      status: 200,
      contentType: "application/json",
      payload: Buffer.from(text),
    });

  it("asks for a video of the prompt", () => {
    expect(bodyText(endpoint, { extraInputs: { seconds: "4" } })).to.equal(
      '{"prompt":"grüß dich 🚂","model":"llama","seconds":"4"}',
    );
  });

  it("asks for the job every 0.1 s while it goes on", () => {
    for (const status of ["queued", "in_progress"]) {
      expect(next(job(status))).to.deep.equal({ below: "/video%2F1", waitMs: 100 });
    }
    for (const text of [job("completed"), job("failed"), '{"id":"x","error":"boom"}', "{}", "no JSON", "[]"]) {
      expect(next(text), text).to.equal(undefined);
    }
  });

  it("downloads what is complete, where that is wanted", () => {
    expect(next(job("completed"), true)).to.deep.equal({ below: "/video%2F1/content", waitMs: 0, isDownload: true });
    expect(next(job("failed"), true)).to.equal(undefined);
  });

  it("is a video where the job is completed, and an error with its words where it is not", () => {
    const parse = parseWith(endpoint);
    expect(parse(job("completed"))).to.deep.include({ outputCount: 1, finishReason: "completed", error: undefined });
    expect(parse(job("failed", { error: { code: "moderation", message: "blocked" } })).error).to.deep.include({
      code: "in_band_error",
      message: "the job is failed: blocked (moderation)",
    });
    expect(parse(job("in_progress")).error?.code).to.equal("empty");
  });

  staysUnbroken(endpoint, [{ title: "a job that is over", text: job("completed"), changes: json }]);
});

describe("image_retrieval", () => {
  const endpoint = createImageRetrievalEndpoint();

  it("sends images that are in the body itself, and no others", () => {
    expect(bodyOf(endpoint, saying({ modality: "image", content: png }))).to.deep.equal({
      input: [{ type: "image_url", url: png }],
    });
    const outside = { ...plainTurn, ...saying({ modality: "image", content: "https://h/a.png" }) };
    expect(() => endpoint.formatBody(outside)).to.throw(/as data: URLs, got https:/);
    expect(() => endpoint.formatBody(plainTurn)).to.throw(/needs an image/);
  });

  const text =
    '{"data":[{"index":0,"bounding_boxes":{"table":[]}},{"index":1,"bounding_boxes":{}}],"usage":{"images_size_mb":0.1}}';
  it("counts what was found, an entry for each image", () => {
    expect(parseWith(endpoint)(text)).to.deep.include({ outputCount: 2, outputText: "", error: undefined });
    expect(parseWith(endpoint)('{"data":[]}').error?.code).to.equal("empty");
  });

  staysUnbroken(endpoint, [{ title: "a document", text, changes: json }]);
});
