/** Every API of the mock but chat and completions, as HTTP has it and as Assay reads it. */
import { expect } from "chai";
import { createEndpoint } from "../../../endpoints/catalog.ts";
import type { ContentPart, ParsedResponse, TurnInput } from "../../../endpoints/endpoint.ts";
import type { MockOptions } from "../../../mock/options.ts";
import { createMock, type Mock } from "../../../mock/server.ts";

let mock: Mock;

async function start(options: Partial<MockOptions> = {}): Promise<void> {
  mock = await createMock(options);
}

const passage = (content: string): ContentPart => ({ modality: "text", name: "passages", content });
const turn: TurnInput = {
  model: "m",
  messages: [
    {
      role: "user",
      content: "hello there",
      parts: [{ modality: "text", name: "query", content: "hello there" }, passage("one"), passage("two"), passage("three")],
    },
  ],
  maxOutputTokens: 5,
  isStreaming: false,
  extraInputs: {},
};
const plain: TurnInput = { ...turn, messages: [{ role: "user", content: "hello there" }] };

/** Asks by an endpoint of Assay's, and reads the answer by it, in the reads that it came in. */
async function ask(name: string, given: TurnInput): Promise<ParsedResponse> {
  const endpoint = createEndpoint(name);
  if (endpoint === undefined) expect.fail(`there is no endpoint ${name}`);
  const answer = await fetch(mock.url + endpoint.path, {
    method: "POST",
    body: Buffer.from(endpoint.formatBody(given)),
    headers: { ...endpoint.headers },
  });
  const reads: Uint8Array[] = [];
  for await (const read of answer.body ?? []) reads.push(read);
  let end = 0;
  return endpoint.parse({
    status: answer.status,
    contentType: answer.headers.get("content-type") ?? "",
    payload: Buffer.concat(reads),
    readEnds: Uint32Array.from(reads, ({ length }) => (end += length)),
    readNs: Float64Array.from(reads, (_, index) => index),
    isStreaming: given.isStreaming,
  });
}

async function post(path: string, body: object, headers: Record<string, string> = {}): Promise<any> {
  return (await fetch(mock.url + path, { method: "POST", body: JSON.stringify(body), headers })).json();
}

/** The events of a stream, each as its type and its JSON. */
async function eventsOf(path: string, body: object): Promise<readonly (readonly [type: string, data: any])[]> {
  const answer = await fetch(mock.url + path, { method: "POST", body: JSON.stringify({ ...body, stream: true }) });
  const events = [...(await answer.text()).matchAll(/(?:event: (\S+)\n)?data: (.*)\n\n/g)];
  return events.map(([, type = "", data = ""]) => [type, JSON.parse(data)] as const);
}

describe("every API of the mock", () => {
  afterEach(async () => {
    await mock.stop();
  });

  for (const name of ["responses", "messages"]) {
    const finishReason = name === "messages" ? "max_tokens" : "max_output_tokens";

    it(`is read as ${name}: the same text whole and in a stream, with the usage of both`, async () => {
      await start({ itlMs: 1 });
      const whole = await ask(name, plain);
      const streamed = await ask(name, { ...plain, isStreaming: true });
      expect(whole).to.include({ error: undefined, finishReason });
      expect(whole.outputText.trim().split(" ")).to.have.length(5);
      expect(whole.usage).to.include({ promptTokens: 3, completionTokens: 5 });
      expect(streamed).to.include({ error: undefined, finishReason, outputText: whole.outputText });
      expect(streamed.usage).to.deep.include({ promptTokens: 3, completionTokens: 5 });
      expect(streamed.contentNs).to.have.length(5);
    });

    it(`is read as ${name}: without usage where it is never to be sent`, async () => {
      await start({ usage: "never" });
      for (const isStreaming of [false, true]) {
        expect(await ask(name, { ...plain, isStreaming })).to.include({ error: undefined, usage: undefined });
      }
    });

    it(`is read as ${name}: what goes wrong in the middle of it`, async () => {
      await start({ failures: { "error-event": 1 } });
      for (const isStreaming of [false, true]) {
        const { error } = await ask(name, { ...plain, isStreaming });
        expect(error?.code).to.equal("in_band_error");
        expect(error?.message).to.include("this failure was asked for");
      }
      await mock.stop();
      await start({ failures: { truncate: 1 } });
      expect((await ask(name, { ...plain, isStreaming: true })).error?.code).to.equal("truncated");
      await mock.stop();
      await start({ failures: { "429": 1 } });
      expect((await ask(name, plain)).error?.message).to.match(/^http status 429: this failure was asked for: status 429/);
    });

    it(`stamps every event of ${name}, and says when the request had come`, async () => {
      await start({ stamps: true });
      const own = name === "messages" ? { messages: [{ role: "user", content: "hi" }], max_tokens: 2 } : { input: "hi" };
      const events = await eventsOf(name === "messages" ? "/v1/messages" : "/v1/responses", { model: "m", ...own });
      for (const [type, data] of events) expect(data.assay_sent_ns, type).to.match(/^\d{19}$/);
      const received = events.map(([, data]) => data.assay_received_ns).filter(Boolean);
      expect(received).to.have.length(1);
      expect(received[0] < events[0]?.[1].assay_sent_ns).to.equal(true);
    });
  }

  it("speaks the events of the Responses API in their order, and says its text again when it is whole", async () => {
    await start();
    const events = await eventsOf("/v1/responses", { model: "m", input: [{ role: "user", content: "hi" }], instructions: "x" });
    expect(new Set(events.map(([type]) => type))).to.deep.equal(
      new Set([
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
      ]),
    );
    for (const [type, data] of events) expect(data.type).to.equal(type);
    const deltas = events.filter(([type]) => type === "response.output_text.delta").map(([, data]) => data.delta);
    expect(deltas).to.have.length(64);
    const { response } = events.at(-1)?.[1] ?? {};
    expect(response.output[0].content[0].text).to.equal(deltas.join(""));
    expect(response).to.include({ object: "response", status: "completed", id: events[0]?.[1].response.id });
    expect(response.usage).to.deep.include({ input_tokens: 1, output_tokens: 64, total_tokens: 65 });
  });

  it("speaks Anthropic's events in their order, and refuses in Anthropic's words", async () => {
    await start({ prefixCache: true });
    const body = { model: "m", system: "x".repeat(100), messages: [{ role: "user", content: "hi" }], max_tokens: 3 };
    const types = (await eventsOf("/v1/messages", body)).map(([type]) => type);
    expect(types).to.deep.equal([
      "message_start",
      "content_block_start",
      "content_block_delta",
      "content_block_delta",
      "content_block_delta",
      "content_block_stop",
      "message_delta",
      "message_stop",
    ]);
    const { usage } = await post("/v1/messages", body);
    expect(usage.cache_read_input_tokens).to.be.above(0);
    expect(usage.input_tokens + usage.cache_read_input_tokens).to.equal(26);
    expect(await post("/v1/messages", { ...body, max_tokens: undefined })).to.deep.equal({
      type: "error",
      error: { type: "invalid_request_error", message: "max_tokens must be given" },
    });
  });

  it("takes an API key as Anthropic's clients send it", async () => {
    await start({ apiKeys: ["k"] });
    const body = { model: "m", messages: [{ role: "user", content: "hi" }], max_tokens: 1 };
    expect(await post("/v1/messages", body, { "x-api-key": "k" })).to.have.property("content");
    expect(await post("/v1/messages", body, { "x-api-key": "other" })).to.have.nested.property(
      "error.message",
      "Incorrect API key provided.",
    );
  });

  const data = [
    { name: "embeddings", given: turn, pieces: 4 },
    { name: "embeddings", given: plain, pieces: 1 },
    { name: "chat_embeddings", given: plain, pieces: 1 },
    { name: "nim_embeddings", given: turn, pieces: 4 },
    { name: "nim_rankings", given: turn, pieces: 3 },
    { name: "cohere_rankings", given: turn, pieces: 3 },
    { name: "hf_tei_rankings", given: turn, pieces: 3 },
    { name: "image_generation", given: { ...plain, extraInputs: { n: 2 } }, pieces: 2 },
    {
      name: "image_generation",
      given: { ...plain, isStreaming: true, extraInputs: { partial_images: 3 } },
      pieces: 1,
      chunks: 4,
    },
    { name: "image_generation", given: { ...plain, isStreaming: true }, pieces: 1, chunks: 2 },
  ];
  for (const { name, given, pieces, chunks = 1 } of data) {
    it(`is read as ${name}${given.isStreaming ? " in a stream" : ""}, ${pieces} at once`, async () => {
      await start({ ttftMs: 1 });
      const parsed = await ask(name, given);
      expect(parsed).to.include({ error: undefined, outputText: "", outputCount: pieces });
      expect(parsed.contentNs).to.have.length(chunks);
      if (name === "hf_tei_rankings") expect(parsed.usage).to.equal(undefined);
      else expect(parsed.usage?.promptTokens).to.equal(given === turn ? 6 : 3);
    });
  }

  it("gives vectors of the length and in the encoding that are asked for", async () => {
    await start({ stamps: true });
    const body = { model: "m", input: ["a", "b"], dimensions: 3 };
    const { data: floats, assay_sent_ns: stamp } = await post("/v1/embeddings", body);
    expect(stamp).to.match(/^\d{19}$/);
    expect(floats[0].embedding).to.have.length(3);
    expect(Math.hypot(...floats[0].embedding)).to.be.closeTo(1, 1e-6);
    expect(floats[1].embedding).to.not.deep.equal(floats[0].embedding);
    const { data: packed } = await post("/v1/embeddings", { ...body, encoding_format: "base64" });
    const bytes = Buffer.from(packed[1].embedding, "base64");
    expect([0, 4, 8].map((at) => bytes.readFloatLE(at))).to.deep.equal(floats[1].embedding);
  });

  it("ranks passages from the best to the worst, each by its place", async () => {
    await start();
    const { results } = await post("/v2/rerank", { model: "m", query: "q", documents: ["a", { text: "b" }, "c"] });
    expect(results.map(({ index }: { index: number }) => index)).to.deep.equal([2, 1, 0]);
    const scores = results.map(({ relevance_score: score }: { relevance_score: number }) => score);
    expect(scores).to.deep.equal([...scores].sort((one, other) => other - one));
  });

  const refused: readonly (readonly [path: string, body: object, message: RegExp])[] = [
    ["/v1/responses", {}, /^input must be/],
    ["/v1/messages", { max_tokens: 1 }, /^messages must be/],
    ["/v1/embeddings", { input: [] }, /^input must be/],
    ["/v1/embeddings", { input: "a", stream: true }, /^stream must be false here/],
    ["/v1/embeddings", { input: "a", dimensions: 0 }, /^dimensions must be/],
    ["/v1/ranking", { passages: [{ text: "a" }] }, /^query must be/],
    ["/v2/rerank", { query: "q", documents: [] }, /^documents must be/],
    ["/rerank", { query: "q" }, /^texts must be/],
    ["/v1/images/generations", { prompt: "a", n: 17 }, /^n must be/],
  ];
  for (const [path, body, message] of refused) {
    it(`refuses ${JSON.stringify(body)} at ${path}`, async () => {
      await start();
      expect((await post(path, { model: "m", ...body })).error.message).to.match(message);
    });
  }
});
