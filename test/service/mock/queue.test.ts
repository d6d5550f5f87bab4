import { once } from "node:events";
import { expect } from "chai";
import type { MockOptions } from "../../../mock/options.ts";
import { createMock, type Mock } from "../../../mock/server.ts";
import { askRaw, contentsOf, eventsOf, openSocket, rawRequest, statsReach } from "./raw-client.ts";

let mock: Mock;

async function start(options: Partial<MockOptions>): Promise<void> {
  mock = await createMock(options);
}

/** A request whose answer never ends by itself. */
async function hold(): Promise<{ release(): void }> {
  const socket = await openSocket(mock.port);
  const { requests } = mock.stats();
  socket.write(rawRequest({ stream: true, max_tokens: 1_000_000 }));
  await statsReach(mock, (stats) => stats.requests > requests);
  return { release: () => socket.destroy() };
}

/** Asks once the server has taken the request, so that the order of arrival is that of the calls. */
async function ask(body: object): Promise<{ text: Promise<string> }> {
  const { requests } = mock.stats();
  const answer = askRaw(mock, body, "connection: close\r\n");
  await statsReach(mock, (stats) => stats.requests > requests);
  return { text: answer.then(({ text }) => text) };
}

const page = async () => (await fetch(`${mock.url}/metrics`)).text();
const shownOf = (text: string, name: string) => Number(new RegExp(`^${name}\\{[^}]*\\} (\\S+)$`, "m").exec(text)?.[1]);

describe("a mock with a limit of answers in progress", () => {
  afterEach(async () => {
    await mock.stop();
  });

  it("lets further requests wait, without a byte, until an answer has ended, in the order of arrival", async () => {
    await start({ maxConcurrent: 1, itlMs: 60_000 });
    const first = await hold();
    const order: string[] = [];
    const waiting = [
      await ask({ stream: true, max_tokens: 1 }),
      await ask({ max_tokens: 1 }),
      await ask({ stream: true, max_tokens: 1 }),
    ].map(({ text }, i) => text.then((answer) => order.push(`${i} ${answer.includes("stop") ? "stop" : "length"}`)));
    expect(mock.stats()).to.include({ openStreams: 1, waiting: 3, requests: 4 });
    expect(order).to.deep.equal([]);
    first.release();
    await Promise.all(waiting);
    expect(order).to.deep.equal(["0 length", "1 length", "2 length"]);
    expect(mock.stats()).to.include({ openStreams: 0, waiting: 0, completed: 3, aborted: 1, maxOpenStreams: 1 });
  });

  it("never has more answers in progress than that, and answers all", async () => {
    await start({ maxConcurrent: 3, ttftMs: 1, itlMs: 1 });
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, i) => askRaw(mock, { stream: i % 2 === 0, max_tokens: 3 }, "connection: close\r\n")),
    );
    expect(answers.every(({ text }) => text.includes('"length"'))).to.equal(true);
    expect(mock.stats()).to.include({ completed: 40, maxOpenStreams: 3, waiting: 0, openStreams: 0 });
  });

  it("answers thousands of waiting requests that are whole at once without a deep call", async () => {
    await start({ maxConcurrent: 1 });
    const sockets = await Promise.all(Array.from({ length: 1500 }, () => openSocket(mock.port)));
    const held = await openSocket(mock.port);
    held.pause();
    held.write(rawRequest({ stream: true, max_tokens: 1_000_000 }));
    await statsReach(mock, ({ openStreams }) => openStreams === 1);
    for (const socket of sockets) socket.write(rawRequest({ max_tokens: 1 }));
    await statsReach(mock, ({ waiting }) => waiting === 1500);
    held.destroy();
    await statsReach(mock, ({ completed }) => completed === 1500);
    for (const socket of sockets) socket.destroy();
  });

  it("frees the place of a request whose client leaves, waiting or answered", async () => {
    await start({ maxConcurrent: 1, itlMs: 60_000 });
    const [first, second, third] = [await hold(), await hold(), await hold()];
    expect(mock.stats()).to.include({ openStreams: 1, waiting: 2 });
    second.release();
    expect(await statsReach(mock, ({ waiting }) => waiting === 1)).to.include({ openStreams: 1, aborted: 1 });
    first.release();
    expect(await statsReach(mock, ({ waiting }) => waiting === 0)).to.include({ openStreams: 1, aborted: 2 });
    third.release();
    expect(await statsReach(mock, ({ openStreams }) => openStreams === 0)).to.include({ aborted: 3, completed: 0 });
  });

  it("frees the place of an answer that fails, but does not let statuses wait", async () => {
    await start({ maxConcurrent: 1, failures: { "reset-midway": 1 }, itlMs: 1 });
    const answers = await Promise.all(Array.from({ length: 5 }, () => askRaw(mock, { stream: true, max_tokens: 4 })));
    expect(answers.map(({ ending }) => ending)).to.deep.equal(Array(5).fill("reset"));
    expect(mock.stats()).to.include({ failed: 5, openStreams: 0, waiting: 0 });
    await mock.stop();
    await start({ maxConcurrent: 1, failures: { "503": 0.5 }, itlMs: 60_000, seed: 1 });
    let held = await hold();
    while (mock.stats().openStreams === 0) held = await hold();
    const { failed } = mock.stats();
    const kept: { release(): void }[] = [];
    while (mock.stats().failed === failed) kept.push(await hold());
    expect(mock.stats()).to.include({ openStreams: 1, failed: failed + 1 });
    for (const one of [held, ...kept]) one.release();
  });

  it("shows who waits on its metrics page, and counts the wait as queue time", async () => {
    await start({ maxConcurrent: 1, itlMs: 60_000 });
    const first = await hold();
    const second = await ask({ max_tokens: 1 });
    const during = await page();
    expect(shownOf(during, "vllm:num_requests_running")).to.equal(1);
    expect(shownOf(during, "vllm:num_requests_waiting")).to.equal(1);
    first.release();
    await second.text;
    const after = await page();
    expect(shownOf(after, "vllm:num_requests_running")).to.equal(0);
    expect(shownOf(after, "vllm:num_requests_waiting")).to.equal(0);
    expect(shownOf(after, "vllm:request_queue_time_seconds_count")).to.equal(1);
    expect(shownOf(after, "vllm:request_queue_time_seconds_sum")).to.be.above(0);
    const inference = shownOf(after, "vllm:request_inference_time_seconds_sum");
    const queue = shownOf(after, "vllm:request_queue_time_seconds_sum");
    expect(shownOf(after, "vllm:e2e_request_latency_seconds_sum")).to.be.closeTo(queue + inference, 1e-9);
  });

  it("ends with its waiting requests", async () => {
    await start({ maxConcurrent: 1, itlMs: 60_000 });
    await hold();
    const waiting = await openSocket(mock.port);
    waiting.write(rawRequest({ stream: true }));
    await statsReach(mock, (stats) => stats.waiting === 1);
    const closed = once(waiting, "close");
    await mock.stop();
    await closed;
    expect(mock.stats()).to.include({ openStreams: 0, waiting: 0, aborted: 2 });
  });
});

describe("a mock with distributions", () => {
  afterEach(async () => {
    await mock.stop();
  });

  const streamed = async (body: object = {}) =>
    contentsOf(eventsOf((await askRaw(mock, { stream: true, ...body }, "connection: close\r\n")).text));

  it("draws lengths and chunk sizes, the same for the same seed", async () => {
    const told = async (seed: number) => {
      await start({ osl: "uniform:1,200", tokensPerChunk: "uniform:1,5", seed });
      const answers = [];
      for (let i = 0; i < 8; i++) answers.push((await streamed()).map((content) => content.trim().split(" ").length));
      return answers;
    };
    const first = await told(1);
    await mock.stop();
    expect(await told(1)).to.deep.equal(first);
    await mock.stop();
    expect(await told(2)).to.not.deep.equal(first);
    expect(new Set(first.map((sizes) => sizes.reduce((sum, size) => sum + size, 0))).size).to.be.above(4);
    expect(new Set(first.flat())).to.include.all.keys([1, 2, 3, 4, 5]);
  });

  it("gives the length that a request asks for, in chunks of the size given and what is left", async () => {
    await start({ osl: "uniform:1,200", tokensPerChunk: 8 });
    const sizes = (await streamed({ max_tokens: 19 })).map((content) => content.trim().split(" ").length);
    expect(sizes).to.deep.equal([8, 8, 3]);
    expect(mock.stats()).to.include({ chunksWritten: 3, chunkWrites: 3 });
  });

  it("says the same text in chunks of any size", async () => {
    await start({});
    const text = (await streamed({ max_tokens: 150 })).join("");
    await mock.stop();
    await start({ tokensPerChunk: "uniform:1,40", itlMs: "exponential:0.05" });
    expect((await streamed({ max_tokens: 150 })).join("")).to.equal(text);
  });

  it("sends no chunk before the times that were drawn", async () => {
    await start({ ttftMs: "uniform:10,20", itlMs: "uniform:2,4", stamps: true });
    const { text } = await askRaw(
      mock,
      { stream: true, max_tokens: 5, stream_options: { include_usage: true } },
      "connection: close\r\n",
    );
    const events = eventsOf(text);
    const received = Number(events.find((event) => event?.usage)?.assay_received_ns);
    const stamps = events.filter((event) => event?.choices?.[0]?.delta?.content).map((event) => Number(event?.assay_sent_ns));
    expect(stamps).to.have.length(5);
    for (const [i, stamp] of stamps.entries()) expect(stamp - received).to.be.at.least((10 + 2 * i) * 1e6);
  });
});
