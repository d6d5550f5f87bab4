/** APIs of servers of their own, of media, and of unknown ones: what the mock says of each is what Assay reads. */
import { expect } from "chai";
import { createEndpoint, type EndpointOptions } from "../../../endpoints/catalog.ts";
import { type ContentPart, type ParsedResponse, requestPathOf, type TurnInput } from "../../../endpoints/endpoint.ts";
import { pathOfModel } from "../../../endpoints/target-url.ts";
import type { MockOptions } from "../../../mock/options.ts";
import { createMock, type Mock } from "../../../mock/server.ts";

let mock: Mock;

const start = async (options: Partial<MockOptions> = {}): Promise<void> => {
  mock = await createMock(options);
};

const parts: readonly ContentPart[] = [
  { modality: "text", content: "hello there" },
  { modality: "image", content: "data:image/png;base64,AAEC" },
  { modality: "audio", content: "data:audio/wav;base64,AAEC" },
];
const turn: TurnInput = {
  model: "m/1",
  messages: [{ role: "user", content: "hello there", parts }],
  maxOutputTokens: 5,
  isStreaming: false,
  extraInputs: {},
};

interface Asked {
  readonly options?: EndpointOptions;
  readonly path?: string;
}

/** Asks by an endpoint of Assay's, its follow-ups included, and reads the answer by it. */
async function ask(name: string, changes: Partial<TurnInput> = {}, { options = {}, path }: Asked = {}): Promise<ParsedResponse> {
  const endpoint = createEndpoint(name, options);
  if (endpoint === undefined) expect.fail(`there is no endpoint ${name}`);
  const given = { ...turn, ...changes };
  const url = mock.url + (path ?? pathOfModel(requestPathOf(endpoint, given.isStreaming), given.model));
  const body = Buffer.from(endpoint.formatBody(given));
  const headers = { "content-type": endpoint.contentType ?? "application/json", ...endpoint.headers };
  let answer = await fetch(url, { method: "POST", body, headers });
  for (;;) {
    const payload = Buffer.from(await answer.arrayBuffer());
    const seen = { status: answer.status, contentType: answer.headers.get("content-type") ?? "", payload };
    const step = endpoint.next?.(seen);
    if (step === undefined) {
      const stamps = { readEnds: Uint32Array.of(payload.length), readNs: Float64Array.of(1) };
      return endpoint.parse({ ...seen, ...stamps, isStreaming: given.isStreaming });
    }
    answer = await fetch(url + step.below);
  }
}

describe("the mock as other servers", () => {
  afterEach(async () => {
    await mock.stop();
  });

  const ofText = ["huggingface_generate", "ollama_chat", "ollama_generate", "sglang_generate", "kserve_generate"];
  for (const name of ofText) {
    it(`is ${name}: the same text whole and in a stream, as long as was asked for`, async () => {
      await start({ tokensPerChunk: 2 });
      const whole = await ask(name);
      const streamed = await ask(name, { isStreaming: true });
      expect(whole).to.include({ error: undefined });
      expect(whole.outputText.trim().split(" ")).to.have.length(5);
      expect(streamed).to.include({ error: undefined, outputText: whole.outputText });
      expect(streamed.contentNs).to.have.length(3);
      if (name === "kserve_generate") return;
      expect(streamed.finishReason).to.equal("length");
      expect(streamed.usage).to.deep.include({ promptTokens: 3, completionTokens: 5 });
      expect(whole.usage).to.deep.include({ promptTokens: 3, completionTokens: 5 });
    });

    it(`is ${name} failing inside an answer, and ending too early`, async () => {
      await start({ failures: { "error-event": 1 } });
      expect((await ask(name, { isStreaming: true })).error?.code).to.equal("in_band_error");
      expect((await ask(name)).error?.code).to.equal("in_band_error");
      await mock.stop();
      await start({ failures: { truncate: 1 } });
      const { error } = await ask(name, { isStreaming: true });
      // Where no event says that it is the last, half an answer looks like a whole one.
      expect(error?.code).to.equal(name === "kserve_generate" ? undefined : "truncated");
    });
  }

  it("is kserve_infer, with its counts", async () => {
    await start();
    const { outputText, usage, error } = await ask("kserve_infer");
    expect(error).to.equal(undefined);
    expect(outputText.trim().split(" ")).to.have.length(5);
    expect(usage).to.deep.include({ promptTokens: 3, completionTokens: 5 });
  });

  it("is a version of a model, and none that it does not have", async () => {
    await start();
    for (const name of ["kserve_infer", "kserve_generate"]) {
      expect(await ask(name, {}, { options: { modelVersion: "1" } })).to.include({ error: undefined });
      const { error } = await ask(name, {}, { options: { modelVersion: "7" } });
      expect(error).to.deep.include({
        code: "http_4xx",
        message: "http status 404: Request for unknown model: 'm/1' version 7 is not found",
      });
    }
  });

  it("is solido_rag, always in a stream", async () => {
    await start({ osl: 4 });
    const { outputText, error } = await ask("solido_rag", { isStreaming: true });
    expect(error).to.equal(undefined);
    expect(outputText.trim().split(" ")).to.have.length(4);
  });

  it("is a transcription of a file, whole and in a stream", async () => {
    await start({ osl: 4 });
    const whole = await ask("audio_transcription");
    expect(whole.outputText.trim().split(" ")).to.have.length(4);
    expect(await ask("audio_transcription", { isStreaming: true })).to.include({
      error: undefined,
      outputText: whole.outputText,
    });
  });

  it("is speech, edits, detections and a job of a video that is over the second time that it is asked for", async () => {
    await start();
    expect(await ask("audio_speech")).to.include({ error: undefined });
    expect(await ask("image_edit", { extraInputs: { n: 2 } })).to.include({ error: undefined, outputCount: 2 });
    expect(await ask("image_retrieval")).to.include({ error: undefined, outputCount: 1 });
    expect(await ask("video_generation")).to.include({ error: undefined, outputCount: 1, finishReason: "completed" });
  });

  it("is whatever a template asks", async () => {
    await start();
    const template = '{"model": "m", "prompt": {{ text|tojson }}, "max_tokens": {{ max_tokens }}}';
    const { outputText, usage } = await ask("template", {}, { path: "/v1/completions", options: { template } });
    expect(outputText.trim().split(" ")).to.have.length(5);
    expect(usage?.completionTokens).to.equal(5);
    const options = { template, responseField: "choices[0].nothing" };
    expect((await ask("template", {}, { path: "/v1/completions", options })).error?.code).to.equal("parse");
  });

  it("refuses what it cannot read, in each server's own words", async () => {
    await start({ models: ["m/1"] });
    const post = async (path: string, body: object) => {
      const answer = await fetch(mock.url + path, { method: "POST", body: JSON.stringify(body) });
      return [answer.status, await answer.json()];
    };
    expect(await post("/generate_stream", {})).to.deep.equal([
      422,
      { error: "inputs must be a text that is not empty", error_type: "generation" },
    ]);
    expect(await post("/api/chat", { model: "m/1" })).to.deep.equal([400, { error: "messages must be a list of one or more" }]);
    expect(await post("/v2/models/other/generate", { text_input: "a" })).to.deep.equal([
      404,
      { error: "The model `other` does not exist." },
    ]);
  });
});
