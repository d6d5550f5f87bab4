import { expect } from "chai";
import type { MockOptions } from "../../../mock/options.ts";
import { createMock, type Mock } from "../../../mock/server.ts";
import { askRaw, dataOf, openSocket, rawRequest, until } from "./raw-client.ts";

let mock: Mock;

async function start(options: Partial<MockOptions> = {}): Promise<void> {
  mock = await createMock(options);
}

const post = (path: string, body: object, headers: Record<string, string> = {}) =>
  fetch(mock.url + path, { method: "POST", body: JSON.stringify(body), headers });
const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
const chatBody = (model: string) => ({ model, messages: [{ role: "user", content: "hello there" }], max_tokens: 2 });

describe("completions of the mock", () => {
  afterEach(async () => {
    await mock.stop();
  });

  const complete = async (body: object) => (await post("/v1/completions", { model: "m", ...body })).json() as Promise<any>;

  /** The events of a streamed completion. */
  async function stream(body: object): Promise<any[]> {
    const socket = await openSocket(mock.port);
    socket.write(rawRequest({ stream: true, ...body }, "", "/v1/completions"));
    const data = dataOf(await until(socket, /\r\n0\r\n\r\n$/));
    socket.destroy();
    expect(data.pop()).to.equal("[DONE]");
    return data.map((json) => JSON.parse(json));
  }

  it("give text, a finish reason and usage", async () => {
    await start();
    expect(await complete({ prompt: "hello", max_tokens: 3 })).to.deep.include({
      object: "text_completion",
      model: "m",
      usage: { prompt_tokens: 2, completion_tokens: 3, total_tokens: 5 },
    });
    const { choices } = await complete({ prompt: "hello" });
    expect(choices).to.have.length(1);
    expect(choices[0]).to.include({ index: 0, finish_reason: "stop" });
    expect(choices[0].text.trim().split(" ")).to.have.length(64);
  });

  it("give the same text streamed, in `choices[].text`", async () => {
    await start({ itlMs: 1 });
    const whole = await complete({ prompt: "hello", max_tokens: 5 });
    const events = await stream({ prompt: "hello", max_tokens: 5, stream_options: { include_usage: true } });
    const texts = events.flatMap((event) => event.choices.map(({ text }: { text: string }) => text));
    expect(texts).to.have.length(6);
    expect(texts.join("")).to.equal(whole.choices[0].text);
    expect(events.at(-2).choices[0]).to.include({ text: "", finish_reason: "length" });
    expect(events.at(-1)).to.deep.include({ choices: [], usage: { prompt_tokens: 2, completion_tokens: 5, total_tokens: 7 } });
  });

  it("give each prompt of a list a choice of its own, streamed and not", async () => {
    await start({ tokensPerChunk: 2 });
    const body = { prompt: ["hello", [1, 2, 3], "x"], max_tokens: 5 };
    const whole = await complete(body);
    expect(whole.usage).to.deep.equal({ prompt_tokens: 6, completion_tokens: 15, total_tokens: 21 });
    const events = await stream({ ...body, stream_options: { include_usage: true } });
    const texts = ["", "", ""];
    for (const { choices } of events) for (const { index, text } of choices) texts[index] += text;
    expect(texts).to.deep.equal(whole.choices.map(({ text }: { text: string }) => text));
    expect(events.filter(({ choices }) => choices[0]?.finish_reason === "length")).to.have.length(3);
    expect(events.at(-1).usage).to.deep.equal(whole.usage);
    expect(mock.stats()).to.include({ chunksWritten: 9, chunkWrites: 3 });
  });

  it("fail on purpose as chats do", async () => {
    await start({ failures: { "429": 1 } });
    expect((await post("/v1/completions", { model: "m", prompt: "a" })).status).to.equal(429);
  });
});

describe("models of the mock", () => {
  afterEach(async () => {
    await mock.stop();
  });

  it("are any unless some are named, of which one is listed", async () => {
    await start();
    expect((await post("/v1/chat/completions", chatBody("anything"))).status).to.equal(200);
    expect(await (await fetch(`${mock.url}/v1/models`)).json()).to.have.nested.property("data[0].id", "mock");
    expect(await (await fetch(`${mock.url}/v1/models/mock`)).json()).to.include({
      id: "mock",
      object: "model",
      owned_by: "assay",
    });
    expect((await fetch(`${mock.url}/v1/models/other`)).status).to.equal(404);
  });

  it("are only those that are named, and others answer 404 in vLLM's form", async () => {
    await start({ models: ["org/a", "b"] });
    const { data } = (await (await fetch(`${mock.url}/v1/models`)).json()) as { data: { id: string }[] };
    expect(data.map(({ id }) => id)).to.deep.equal(["org/a", "b"]);
    for (const path of ["org/a", "org%2Fa", "b"])
      expect((await fetch(`${mock.url}/v1/models/${path}`)).status, path).to.equal(200);
    expect((await fetch(`${mock.url}/v1/models/%zz`)).status).to.equal(404);
    expect((await post("/v1/chat/completions", chatBody("b"))).status).to.equal(200);
    for (const path of ["/v1/chat/completions", "/v1/completions"]) {
      const response = await post(path, { ...chatBody("nope"), prompt: "x" });
      expect(response.status).to.equal(404);
      expect(await response.json()).to.deep.equal({
        error: { message: "The model `nope` does not exist.", type: "NotFoundError", param: "model", code: 404 },
      });
    }
    expect(mock.stats()).to.include({ requests: 1, refused: 3 });
  });
});

describe("a mock with API keys", () => {
  afterEach(async () => {
    await mock.stop();
  });

  it("answers 401 in OpenAI's form to a request below /v1 without one of them", async () => {
    await start({ apiKeys: ["one", "two"] });
    for (const [headers, code] of [
      [{}, null],
      [bearer("three"), "invalid_api_key"],
      [{ authorization: "Basic one" }, "invalid_api_key"],
      [bearer(""), "invalid_api_key"],
    ] as const) {
      const response = await post("/v1/chat/completions", chatBody("m"), headers);
      expect(response.status, JSON.stringify(headers)).to.equal(401);
      expect(response.headers.get("www-authenticate")).to.equal("Bearer");
      const { error } = (await response.json()) as { error: Record<string, unknown> };
      expect(error).to.include({ type: "invalid_request_error", param: null, code });
    }
    expect((await fetch(`${mock.url}/v1/models`)).status).to.equal(401);
    expect(mock.stats()).to.include({ requests: 0, refused: 5 });
  });

  it("takes each of them, and asks for none elsewhere", async () => {
    await start({ apiKeys: ["one", "two"] });
    for (const key of ["one", "two"]) {
      expect((await post("/v1/chat/completions", chatBody("m"), bearer(key))).status).to.equal(200);
      expect((await fetch(`${mock.url}/v1/models`, { headers: bearer(key) })).status).to.equal(200);
    }
    for (const path of ["/health", "/metrics", "/stats", "/dcgm/metrics"]) {
      expect((await fetch(mock.url + path)).status, path).to.equal(200);
    }
  });

  it("asks every request anew on a kept connection", async () => {
    await start({ apiKeys: ["one"] });
    const socket = await openSocket(mock.port);
    for (const [headers, status] of [
      ["authorization: Bearer one\r\n", 200],
      ["", 401],
      ["authorization: bearer one\r\n", 200],
    ] as const) {
      socket.write(rawRequest({ max_tokens: 1 }, headers));
      expect(await until(socket, /\}$/)).to.match(new RegExp(`^HTTP/1\\.1 ${status} `));
    }
    socket.destroy();
  });

  it("asks for none when none is configured", async () => {
    await start();
    expect((await askRaw(mock, {}, "authorization: Bearer x\r\nconnection: close\r\n")).text).to.match(/^HTTP\/1\.1 200 /);
  });
});
