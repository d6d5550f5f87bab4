/** The mock as OpenAI's own client sees it. */
import { expect } from "chai";
import OpenAI, {
  APIConnectionError,
  APIConnectionTimeoutError,
  APIError,
  AuthenticationError,
  BadRequestError,
  InternalServerError,
  NotFoundError,
  PermissionDeniedError,
  RateLimitError,
} from "openai";
import { FailurePlan } from "../../../mock/answers/failures.ts";
import type { MockOptions } from "../../../mock/options.ts";
import { createMock, type Mock } from "../../../mock/server.ts";

let mock: Mock;
let openai: OpenAI;

async function start(options: Partial<MockOptions> = {}, apiKey = "any"): Promise<void> {
  mock = await createMock(options);
  openai = new OpenAI({ baseURL: `${mock.url}/v1`, apiKey, maxRetries: 0, logLevel: "off" });
}

const chat = { model: "mock", messages: [{ role: "user" as const, content: "hello there" }], max_tokens: 5 };
const streamed = { ...chat, stream: true as const, stream_options: { include_usage: true } };

async function failureOf(work: () => Promise<unknown>): Promise<unknown> {
  return work().then(
    (value) => `no failure but ${JSON.stringify(value)}`,
    (error: unknown) => error,
  );
}

async function contentsOf(request: typeof streamed): Promise<string[]> {
  const contents: string[] = [];
  for await (const { choices } of await openai.chat.completions.create(request)) contents.push(choices[0]?.delta.content ?? "");
  return contents.filter((content) => content !== "");
}

describe("OpenAI's client and the mock", () => {
  afterEach(async () => {
    await mock.stop();
  });

  it("chat, with usage", async () => {
    await start();
    const answer = await openai.chat.completions.create(chat);
    expect(answer.object).to.equal("chat.completion");
    expect(answer.choices[0]).to.deep.include({ index: 0, finish_reason: "length" });
    expect(answer.choices[0]?.message.role).to.equal("assistant");
    expect(answer.choices[0]?.message.content?.trim().split(" ")).to.have.length(5);
    expect(answer.usage).to.deep.equal({ prompt_tokens: 3, completion_tokens: 5, total_tokens: 8 });
  });

  it("chat in a stream, with usage when it is asked for", async () => {
    await start({ ttftMs: 2, itlMs: 1, tokensPerChunk: 2 });
    const events = [];
    for await (const event of await openai.chat.completions.create(streamed)) events.push(event);
    expect(events.map(({ choices }) => choices[0]?.delta.content ?? "").filter(Boolean)).to.have.length(3);
    expect(events[0]?.choices[0]?.delta.role).to.equal("assistant");
    expect(events.at(-2)?.choices[0]?.finish_reason).to.equal("length");
    expect(events.at(-1)?.usage).to.deep.equal({ prompt_tokens: 3, completion_tokens: 5, total_tokens: 8 });
    const { stream_options: _, ...plain } = streamed;
    for await (const { usage } of await openai.chat.completions.create(plain)) expect(usage).to.equal(undefined);
  });

  it("gather a stream to the answer that is not streamed", async () => {
    await start({ itlMs: 1 });
    const whole = await openai.chat.completions.create(chat);
    const final = await openai.chat.completions.stream(streamed).finalChatCompletion();
    expect(final.choices[0]?.message.content).to.equal(whole.choices[0]?.message.content);
    expect(final.usage).to.deep.equal(whole.usage);
  });

  it("respond, whole and in a stream", async () => {
    await start({ tokensPerChunk: 2 });
    const request = { model: "mock", input: "hello there", max_output_tokens: 5 };
    const whole = await openai.responses.create(request);
    expect(whole.output_text.trim().split(" ")).to.have.length(5);
    expect(whole).to.include({ object: "response", status: "incomplete" });
    expect(whole.usage).to.include({ input_tokens: 3, output_tokens: 5, total_tokens: 8 });
    const deltas: string[] = [];
    const stream = openai.responses.stream(request);
    for await (const event of stream) if (event.type === "response.output_text.delta") deltas.push(event.delta);
    expect(deltas).to.have.length(3);
    const final = await stream.finalResponse();
    expect(final.output_text).to.equal(whole.output_text).and.equal(deltas.join(""));
    expect(final.usage).to.deep.equal(whole.usage);
  });

  it("embed texts and make images", async () => {
    await start();
    const { data, usage } = await openai.embeddings.create({ model: "mock", input: ["hello", "there"], dimensions: 4 });
    expect(data.map(({ embedding }) => embedding.length)).to.deep.equal([4, 4]);
    expect(usage).to.deep.equal({ prompt_tokens: 3, total_tokens: 3 });
    const images = await openai.images.generate({ model: "mock", prompt: "hello", n: 2 });
    expect(images.data?.map(({ b64_json: image }) => image?.slice(0, 4))).to.deep.equal(["iVBO", "iVBO"]);
  });

  it("complete, whole and in a stream, one prompt and several", async () => {
    await start();
    const request = { model: "mock", prompt: ["one", "two"], max_tokens: 4 };
    const whole = await openai.completions.create(request);
    expect(whole.choices.map(({ index, finish_reason }) => [index, finish_reason])).to.deep.equal([
      [0, "length"],
      [1, "length"],
    ]);
    expect(whole.usage?.completion_tokens).to.equal(8);
    const texts = ["", ""];
    for await (const { choices } of await openai.completions.create({ ...request, stream: true })) {
      for (const { index, text } of choices) texts[index] += text;
    }
    expect(texts).to.deep.equal(whole.choices.map(({ text }) => text));
    const single = await openai.completions.create({ model: "mock", prompt: "one", max_tokens: 4 });
    expect(single.choices).to.have.length(1);
  });

  it("list models, and look one up", async () => {
    await start({ models: ["org/a", "b"] });
    const names = [];
    for await (const { id } of openai.models.list()) names.push(id);
    expect(names).to.deep.equal(["org/a", "b"]);
    expect((await openai.models.retrieve("org/a")).id).to.equal("org/a");
  });

  it("know a model that is not there", async () => {
    await start({ models: ["a"] });
    for (const work of [
      () => openai.chat.completions.create(chat),
      () => openai.completions.create({ model: "mock", prompt: "x" }),
      () => openai.models.retrieve("mock"),
    ]) {
      const error = await failureOf(work);
      expect(error).to.be.instanceOf(NotFoundError);
      expect(error).to.include({ status: 404, param: "model", type: "NotFoundError" });
    }
  });

  it("know a wrong key", async () => {
    await start({ apiKeys: ["right"] }, "wrong");
    const error = await failureOf(() => openai.chat.completions.create(chat));
    expect(error).to.be.instanceOf(AuthenticationError);
    expect(error).to.include({ status: 401, code: "invalid_api_key" });
    const right = new OpenAI({ baseURL: `${mock.url}/v1`, apiKey: "right", maxRetries: 0 });
    expect((await right.chat.completions.create(chat)).choices).to.have.length(1);
  });

  for (const [status, type] of [
    [400, BadRequestError],
    [403, PermissionDeniedError],
    [429, RateLimitError],
    [500, InternalServerError],
    [503, InternalServerError],
  ] as const) {
    it(`take the status ${status} for a ${type.name}`, async () => {
      await start({ failures: { [status]: 1 }, retryAfterSec: 3 });
      for (const request of [chat, streamed]) {
        const error = await failureOf(() => openai.chat.completions.create(request));
        expect(error).to.be.instanceOf(type);
        expect((error as APIError).status).to.equal(status);
        expect((error as APIError).message).to.contain("this failure was asked for");
        expect((error as APIError).headers?.get("retry-after")).to.equal(status === 429 || status === 503 ? "3" : null);
      }
    });
  }

  it("try again after a status that may pass", async () => {
    const failures = { "429": 0.5 };
    let seed = 0;
    const isWanted = () => [0, 1].map((ordinal) => new FailurePlan(failures, seed).draw(ordinal)?.name).join() === "429,";
    while (!isWanted()) seed++;
    await start({ failures, seed, retryAfterSec: 0 });
    const answer = await openai.chat.completions.create(chat, { maxRetries: 1 });
    expect(answer.choices).to.have.length(1);
    expect(mock.stats()).to.deep.include({ requests: 2, completed: 1, failed: 1, failures: { "429": 1 } });
  });

  it("take a reset, and what is no HTTP, for a failed connection", async () => {
    for (const kind of ["reset", "not-http"]) {
      await start({ failures: { [kind]: 1 } });
      for (const request of [chat, streamed]) {
        expect(await failureOf(() => openai.chat.completions.create(request)), kind).to.be.instanceOf(APIConnectionError);
      }
      if (kind === "reset") await mock.stop();
    }
  });

  it("give up on a stall by their own timeout", async () => {
    await start({ failures: { stall: 1 } });
    const error = await failureOf(() => openai.chat.completions.create(chat, { timeout: 50 }));
    expect(error).to.be.instanceOf(APIConnectionTimeoutError);
  });

  it("see an error object inside a stream", async () => {
    await start({ failures: { "error-event": 1 } });
    const error = await failureOf(() => contentsOf(streamed));
    expect(error).to.be.instanceOf(APIError);
    expect((error as APIError).type).to.equal("server_error");
  });

  it("see that a stream broke, or was no JSON", async () => {
    for (const kind of ["reset-midway", "cut", "garbage"]) {
      await start({ failures: { [kind]: 1 } });
      const error = await failureOf(() => contentsOf(streamed));
      expect(error, kind).to.be.instanceOf(Error);
      if (kind !== "garbage") await mock.stop();
    }
  });

  it("do not see that a stream was truncated, which is why the mock can do that", async () => {
    await start({ failures: { truncate: 1 } });
    expect((await contentsOf(streamed)).length).to.be.within(1, 4);
  });

  it("leave a stream, which frees it", async () => {
    await start({ itlMs: 1 });
    for await (const _ of await openai.chat.completions.create({ ...streamed, max_tokens: 100_000 })) break;
    while (mock.stats().openStreams > 0) await new Promise((resolve) => setImmediate(resolve));
    expect(mock.stats()).to.include({ aborted: 1, completed: 0 });
  });
});
