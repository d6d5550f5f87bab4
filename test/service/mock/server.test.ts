import { expect } from "chai";
import type { MockOptions } from "../../../mock/options.ts";
import { createMock, type Mock, type MockStats } from "../../../mock/server.ts";
import { monotonicNs } from "../../../services/common/clock.ts";
import { chatPath, openSocket, rawRequest, until, untilEnded, statsReach as whenStats } from "./raw-client.ts";

const messages = [{ role: "user", content: "hello there" }];

interface Event {
  readonly id: string;
  readonly assay_sent_ns?: string;
  readonly choices: readonly {
    readonly delta: { readonly role?: string; readonly content?: string };
    readonly finish_reason: string | null;
  }[];
  readonly usage?: object;
}

let mock: Mock;
const statsReach = (isReached: (stats: MockStats) => boolean): Promise<MockStats> => whenStats(mock, isReached);
const untilClosed = async (socket: Parameters<typeof untilEnded>[0]): Promise<string> => (await untilEnded(socket)).text;

async function start(options: Partial<MockOptions> = {}): Promise<void> {
  mock = await createMock(options);
}

const ask = (body: object, signal?: AbortSignal) =>
  fetch(mock.url + chatPath, {
    method: "POST",
    body: JSON.stringify({ model: "mock", messages, ...body }),
    ...(signal === undefined ? {} : { signal }),
  });

/** The data lines of an SSE body. */
const dataOf = (text: string) =>
  text
    .split("\n\n")
    .filter((event) => event !== "")
    .map((event) => event.replace(/^data: /, ""));

async function eventsOf(body: object): Promise<Event[]> {
  const data = dataOf(await (await ask({ stream: true, ...body })).text());
  expect(data.pop()).to.equal("[DONE]");
  return data.map((json) => JSON.parse(json));
}

const contentOf = (events: readonly Event[]) => events.map((event) => event.choices[0]?.delta.content ?? "").join("");

/** The count once it has stood still over many turns of the loop: the server waits for the client. */
async function stalled(count: "chunksWritten" | "completed"): Promise<number> {
  let before = -1;
  for (let idle = 0; idle < 200; idle = mock.stats()[count] === before ? idle + 1 : 0) {
    before = mock.stats()[count];
    await new Promise((resolve) => setImmediate(resolve));
  }
  return before;
}

describe("mock server", () => {
  afterEach(async () => {
    await mock.stop();
  });

  it("streams the role, one chunk per token, the finish reason, usage when asked for, and [DONE]", async () => {
    await start();
    const events = await eventsOf({ max_tokens: 5, stream_options: { include_usage: true } });
    expect(events.map((event) => event.choices[0]?.delta.role ?? null)).to.deep.equal(["assistant", ...Array(7).fill(null)]);
    expect(events.filter((event) => event.choices[0]?.delta.content)).to.have.length(5);
    expect(events[6]?.choices[0]).to.deep.include({ delta: {}, finish_reason: "length" });
    expect(events[7]).to.deep.include({ choices: [], usage: { prompt_tokens: 3, completion_tokens: 5, total_tokens: 8 } });
    expect(new Set(events.map((event) => event.id)).size).to.equal(1);
    expect(mock.stats()).to.deep.include({
      requests: 1,
      completed: 1,
      openStreams: 0,
      maxOpenStreams: 1,
      chunksWritten: 5,
      chunkWrites: 5,
    });
  });

  it("gives the same text whole and streamed, however it is timed", async () => {
    await start({ osl: 70 });
    const plain = (await (await ask({})).json()) as { choices: { message: { content: string }; finish_reason: string }[] };
    const text = plain.choices[0]?.message.content;
    expect(plain.choices[0]?.finish_reason).to.equal("stop");
    expect(contentOf(await eventsOf({}))).to.equal(text);
    for (const options of [{ coalesce: true }, { itlMs: 1, ttftMs: 2 }, { itlMs: 1, precise: true }, { itlMs: 1, jitter: 1 }]) {
      await mock.stop();
      await start({ osl: 70, ...options });
      expect(contentOf(await eventsOf({})), JSON.stringify(options)).to.equal(text);
    }
  });

  it("puts chunks that are due together into few writes with coalesce", async () => {
    await start({ coalesce: true });
    await eventsOf({ max_tokens: 500 });
    expect(mock.stats().chunksWritten).to.equal(500);
    expect(mock.stats().chunkWrites).to.be.below(20);
  });

  it("stamps every chunk with the monotonic clock, never before the chunk's due time", async () => {
    await start({ stamps: true, ttftMs: 5, itlMs: 2 });
    const askedNs = monotonicNs();
    const events = await eventsOf({ max_tokens: 6 });
    const answeredNs = monotonicNs();
    const stamps = events.filter((event) => event.choices[0]?.delta.content).map((event) => Number(event.assay_sent_ns));
    expect(events.every((event) => event.assay_sent_ns?.length === 19)).to.equal(true);
    for (const [i, stamp] of stamps.entries()) expect(stamp).to.be.within(askedNs + (5 + 2 * i) * 1e6, answeredNs);
    const whole = (await (await ask({ max_tokens: 3 })).json()) as Event;
    expect(Number(whole.assay_sent_ns)).to.be.at.least(answeredNs + 9e6);
  });

  it("sends a stream's head at once and its first chunk after the TTFT", async () => {
    await start({ ttftMs: 60_000 });
    const abort = new AbortController();
    const response = await ask({ stream: true }, abort.signal);
    expect(response.headers.get("content-type")).to.equal("text/event-stream; charset=utf-8");
    expect(mock.stats()).to.include({ openStreams: 1, chunksWritten: 0 });
    abort.abort();
    await statsReach((stats) => stats.openStreams === 0);
  });

  it("frees streams and delayed answers at once when their clients leave", async () => {
    await start({ ttftMs: 60_000 });
    const sockets = await Promise.all(Array.from({ length: 6 }, () => openSocket(mock.port)));
    sockets.forEach((socket, i) => {
      socket.write(rawRequest({ stream: i % 2 === 0 }));
    });
    await statsReach((stats) => stats.openStreams === 6);
    for (const [i, socket] of sockets.entries()) i < 3 ? socket.destroy() : socket.end();
    const stats = await statsReach((now) => now.openStreams === 0);
    expect(stats).to.include({ requests: 6, aborted: 6, completed: 0, maxOpenStreams: 6 });
  });

  it("stops writing to a client that does not read, and goes on when it does", async () => {
    await start({ osl: 40_000 });
    const socket = await openSocket(mock.port);
    socket.pause();
    socket.write(rawRequest({ stream: true }));
    await statsReach((stats) => stats.chunksWritten > 2000);
    const before = await stalled("chunksWritten");
    expect(before).to.be.within(1, 39_000);
    let bytes = 0;
    let tail = "";
    await new Promise<void>((resolve) => {
      socket.on("data", (piece: string) => {
        bytes += piece.length;
        tail = (tail + piece).slice(-100);
        if (tail.endsWith("data: [DONE]\n\n\r\n0\r\n\r\n")) resolve();
      });
      socket.resume();
    });
    expect(mock.stats()).to.include({ completed: 1, chunksWritten: 40_000 });
    expect(bytes).to.be.above(40_000 * 150);
    socket.destroy();
  });

  it("frees a stream whose client has ended its side, though bytes wait for it", async () => {
    await start({ osl: 40_000 });
    const socket = await openSocket(mock.port);
    socket.pause();
    socket.write(rawRequest({ stream: true }));
    await statsReach((stats) => stats.chunksWritten > 2000);
    await stalled("chunksWritten");
    socket.end();
    await statsReach((stats) => stats.openStreams === 0 && stats.aborted === 1);
    socket.destroy();
  });

  it("does not corrupt other streams while one is held back", async () => {
    await start({ stamps: true, osl: 40_000 });
    const slow = await openSocket(mock.port);
    slow.pause();
    slow.write(rawRequest({ stream: true }));
    await statsReach((stats) => stats.chunksWritten > 2000);
    await stalled("chunksWritten");
    const others = await Promise.all([eventsOf({ max_tokens: 300 }), eventsOf({ max_tokens: 300 })]);
    const received = until(slow, /\[DONE\]\n\n\r\n0\r\n\r\n$/);
    slow.resume();
    const body = (await received).replace(/^[\s\S]*?\r\n\r\n/, "").replace(/[0-9a-f]+\r\n(data: [^\r]*)\r\n/g, "$1");
    const events = dataOf(body.replace(/0\r\n\r\n$/, ""))
      .slice(0, -1)
      .map((json): Event => JSON.parse(json));
    for (const stream of [events, ...others]) expect(new Set(stream.map((event) => event.id)).size).to.equal(1);
    expect(contentOf(events).startsWith(contentOf(others[0] ?? []))).to.equal(true);
    expect(contentOf(events).trim().split(" ")).to.have.length(40_000);
    slow.destroy();
  });

  it("answers a request whose bytes come one by one", async () => {
    await start();
    const socket = await openSocket(mock.port);
    const answer = until(socket, /"total_tokens":\d+\}\}$/);
    for (const byte of rawRequest({ max_tokens: 1 })) {
      socket.write(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await answer).to.match(/^HTTP\/1\.1 200 OK\r\n/);
    socket.destroy();
  });

  it("answers pipelined requests in order, streams among them", async () => {
    await start({ itlMs: 1 });
    const socket = await openSocket(mock.port);
    const all = untilClosed(socket);
    socket.write(rawRequest({ stream: true, max_tokens: 3 }) + rawRequest({ max_tokens: 1 }));
    socket.write(
      `GET /health HTTP/1.1\r\nhost: a\r\n\r\n${rawRequest({ stream: true, max_tokens: 2 }, "connection: close\r\n")}`,
    );
    const text = await all;
    const order = [...text.matchAll(/"finish_reason":"length"|"status":"ok"|\[DONE\]/g)].map(String);
    expect(order).to.deep.equal([
      '"finish_reason":"length"',
      "[DONE]",
      '"finish_reason":"length"',
      '"status":"ok"',
      '"finish_reason":"length"',
      "[DONE]",
    ]);
    expect(text.match(/connection: close/g)).to.have.length(1);
  });

  it("holds pipelined requests of a client that does not read", async () => {
    await start({ osl: 5000 });
    const socket = await openSocket(mock.port);
    socket.pause();
    const request = rawRequest({});
    const count = 2000;
    socket.write(request.repeat(count));
    await statsReach((stats) => stats.completed > 10);
    const before = await stalled("completed");
    expect(before).to.be.below(count);
    socket.resume();
    await statsReach((stats) => stats.completed === count);
    socket.destroy();
  });

  it("closes after the answer when the client asks for that, or speaks HTTP/1.0", async () => {
    await start();
    const socket = await openSocket(mock.port);
    const answer = untilClosed(socket);
    socket.write(rawRequest({ max_tokens: 1 }, "connection: close\r\n"));
    expect(await answer).to.match(/connection: close\r\n[\s\S]*\}$/);
    const old = await openSocket(mock.port);
    const oldAnswer = untilClosed(old);
    old.write("GET /health HTTP/1.0\r\n\r\n");
    expect(await oldAnswer).to.match(/^HTTP\/1\.1 200 OK\r\n[\s\S]*\{"status":"ok"\}$/);
  });

  it("says 100 Continue before a body that waits for it", async () => {
    await start();
    const socket = await openSocket(mock.port);
    const [head = "", body = ""] = rawRequest({ max_tokens: 1 }, "expect: 100-continue\r\n").split(/(?<=\r\n\r\n)/);
    const go = until(socket, /\r\n\r\n$/);
    socket.write(head);
    expect(await go).to.equal("HTTP/1.1 100 Continue\r\n\r\n");
    const answer = until(socket, /\}\}$/);
    socket.write(body);
    expect(await answer).to.match(/^HTTP\/1\.1 200 OK/);
    socket.destroy();
  });

  it("refuses with OpenAI's error object", async () => {
    await start({ maxBodyBytes: 1000 });
    const post = (body: string) => fetch(mock.url + chatPath, { method: "POST", body });
    const rows: [Promise<Response>, number, string | null][] = [
      [fetch(`${mock.url}/nowhere`), 404, "not_found"],
      [fetch(mock.url + chatPath), 405, null],
      [fetch(`${mock.url}/health`, { method: "POST" }), 405, null],
      [post("{"), 400, null],
      [post("x".repeat(1001)), 413, null],
    ];
    for (const [answer, status, code] of rows) {
      const response = await answer;
      expect(response.status).to.equal(status);
      const { error } = (await response.json()) as { error: Record<string, unknown> };
      expect(error).to.include({ type: "invalid_request_error", code }).and.have.property("message").that.is.a("string");
    }
    expect((await fetch(mock.url + chatPath)).headers.get("allow")).to.equal("POST");
    expect(mock.stats()).to.include({ refused: rows.length + 1, requests: 0 });
  });

  it("answers a body over the limit before it has come, and reads no request after it", async () => {
    await start({ maxBodyBytes: 10 });
    const socket = await openSocket(mock.port);
    const answer = untilClosed(socket);
    socket.write(`POST ${chatPath} HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\n`);
    socket.write("GET /health HTTP/1.1\r\nhost: a\r\n\r\n");
    expect(await answer).to.match(/^HTTP\/1\.1 413 [\s\S]*connection: close\r\n[\s\S]*larger than 10 bytes[\s\S]*\}$/);
  });

  it("takes a large body in chunks", async () => {
    await start();
    const content = "x".repeat(4_000_000);
    const stream = new Blob([JSON.stringify({ model: "m", messages: [{ role: "user", content }], max_tokens: 1 })]).stream();
    const response = await fetch(mock.url + chatPath, { method: "POST", body: stream, duplex: "half" } as RequestInit);
    expect(((await response.json()) as { usage: object }).usage).to.include({ prompt_tokens: 1_000_000 });
  });

  it("lists its models, its health and its counts", async () => {
    await start();
    const get = async (path: string) => (await fetch(mock.url + path)).json() as Promise<Record<string, unknown>>;
    expect(await get("/v1/models"))
      .to.have.property("data")
      .that.has.nested.property("[0].id", "mock");
    expect(await get("/health")).to.deep.equal({ status: "ok" });
    await ask({});
    expect(await get("/stats"))
      .to.include({ requests: 1, completed: 1 })
      .and.have.property("cpuUserUs")
      .that.is.a("number");
  });

  it("serves the GPUs beside the API, and on a port of their own when asked to", async () => {
    await start({ dcgmPort: 0, gpus: 3 });
    expect(mock.dcgmUrl).to.not.contain(mock.url);
    for (const url of [mock.dcgmUrl, `${mock.url}/dcgm/metrics`]) {
      const page = await (await fetch(url)).text();
      expect(page.match(/^DCGM_FI_DEV_POWER_USAGE\{/gm)).to.have.length(3);
    }
    expect((await fetch(mock.dcgmUrl.replace("/metrics", "/v1/models"))).status).to.equal(404);
  });

  it("cuts open streams when it stops, and counts them as aborted", async () => {
    await start({ ttftMs: 60_000 });
    const socket = await openSocket(mock.port);
    socket.write(rawRequest({ stream: true }));
    await statsReach((stats) => stats.openStreams === 1);
    const closed = untilClosed(socket);
    await mock.stop();
    expect(await closed).to.match(/^HTTP\/1\.1 200/);
    expect(mock.stats()).to.include({ openStreams: 0, aborted: 1, openConnections: 0 });
  });
});

describe("mock server start", () => {
  it("fails on a port that is taken, and on options that are not allowed", async () => {
    mock = await createMock();
    const errorOf = (options: Partial<MockOptions>) =>
      createMock(options).then(
        () => "started",
        (error) => error.code,
      );
    expect(await errorOf({ port: mock.port })).to.equal("EADDRINUSE");
    expect(await errorOf({ dcgmPort: mock.port })).to.equal("EADDRINUSE");
    expect(await errorOf({ osl: 0 })).to.equal("invalid_argument");
    await mock.stop();
  });
});
