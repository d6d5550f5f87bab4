import { once } from "node:events";
import type { Socket } from "node:net";
import { expect } from "chai";
import type { FailureRates } from "../../../mock/answers/failures.ts";
import type { MockOptions } from "../../../mock/options.ts";
import { createMock, type Mock } from "../../../mock/server.ts";
import {
  askRaw,
  bodyOf,
  contentsOf,
  dataOf,
  eventsOf,
  openSocket,
  type RawAnswer,
  rawRequest,
  statsReach,
  until,
  untilEnded,
} from "./raw-client.ts";

let mock: Mock;

async function startFailing(kind: string, options: Partial<MockOptions> = {}): Promise<void> {
  mock = await createMock({ failures: { [kind]: 1 }, ...options });
}

const usageAsked = { stream: true, stream_options: { include_usage: true }, max_tokens: 20 };
const close = "connection: close\r\n";

/** The answer to a request, read to the end of the connection. */
const ask = (body: object = usageAsked, headers = close): Promise<RawAnswer> => askRaw(mock, body, headers);
const askWhole = (): Promise<RawAnswer> => ask({ max_tokens: 20 });

/** A socket whose request is under way. */
async function beginAsking(body: object): Promise<Socket> {
  const socket = await openSocket(mock.port);
  socket.write(rawRequest(body));
  return socket;
}

/** The server has taken the request, has had time to answer another one, and has sent nothing. */
async function expectSilence(socket: Socket): Promise<void> {
  await statsReach(mock, ({ openStreams }) => openStreams === 1);
  await (await fetch(`${mock.url}/health`)).text();
  expect(mock.stats().openStreams).to.equal(1);
  expect(socket.bytesRead).to.equal(0);
}

function expectBalance(): void {
  const { requests, completed, aborted, failed, openStreams, waiting } = mock.stats();
  expect(completed + aborted + failed + openStreams + waiting).to.equal(requests);
}

describe("a failure on purpose", () => {
  afterEach(async () => {
    expectBalance();
    await mock.stop();
  });

  for (const status of [400, 418, 429, 500, 503, 599]) {
    it(`answers with the status ${status} and an error object, and keeps the connection`, async () => {
      await startFailing(`${status}`, { retryAfterSec: 7 });
      const socket = await beginAsking(usageAsked);
      const first = await until(socket, /\}\}$/);
      expect(first).to.match(new RegExp(`^HTTP/1\\.1 ${status} [A-Za-z ]*\\r\\n`));
      const retryAfter = /^retry-after: (.*)\r$/m.exec(first)?.[1];
      expect(retryAfter).to.equal(status === 429 || status === 503 ? "7" : undefined);
      const { error } = JSON.parse(first.slice(first.indexOf("{")));
      expect(error.message).to.contain(`${status}`);
      expect(error.type).to.equal(status === 429 ? "rate_limit_error" : status >= 500 ? "server_error" : "invalid_request_error");
      socket.write(rawRequest({ max_tokens: 2 }));
      expect(await until(socket, /\}\}$/)).to.contain(`HTTP/1.1 ${status} `);
      socket.destroy();
      expect(mock.stats()).to.deep.include({ requests: 2, failed: 2, completed: 0, refused: 0, failures: { [status]: 2 } });
    });
  }

  it("leaves everything but requests for text alone", async () => {
    await startFailing("500");
    for (const path of ["/health", "/metrics", "/v1/models", "/stats", "/dcgm/metrics"]) {
      expect((await fetch(mock.url + path)).status, path).to.equal(200);
    }
    expect((await fetch(`${mock.url}/v1/chat/completions`, { method: "POST", body: "{" })).status).to.equal(400);
    expect(mock.stats()).to.deep.include({ requests: 0, failures: {} });
  });

  for (const [name, body] of [
    ["a stream", usageAsked],
    ["a whole answer", { max_tokens: 20 }],
  ] as const) {
    it(`resets the connection before the first byte of ${name}`, async () => {
      await startFailing("reset", { ttftMs: 1 });
      expect(await ask(body)).to.deep.equal({ text: "", ending: "reset" });
    });

    it(`is no HTTP in place of ${name}, and an end`, async () => {
      await startFailing("not-http");
      const { text, ending } = await ask(body);
      expect(text).to.match(/^(?!HTTP)[^{]+\r\n\r\n$/);
      expect(ending).to.equal("end");
    });

    it(`stalls before the first byte of ${name} until its time is over`, async () => {
      await startFailing("stall", { stallMs: 30 });
      expect(await ask(body, "")).to.deep.equal({ text: "", ending: "end" });
      expect(mock.stats()).to.include({ failed: 1, openStreams: 0 });
    });

    it(`stalls before the first byte of ${name} until the client goes`, async () => {
      await startFailing("stall");
      const socket = await beginAsking(body);
      await expectSilence(socket);
      socket.destroy();
      expect(await statsReach(mock, ({ openStreams }) => openStreams === 0)).to.include({ aborted: 1, failed: 0 });
    });

    it(`holds back the first byte of ${name}, which comes whole`, async () => {
      await startFailing("slow", { slowMs: 60_000 });
      const socket = await beginAsking(body);
      await expectSilence(socket);
      socket.destroy();
      await statsReach(mock, ({ openStreams }) => openStreams === 0);
      await mock.stop();
      await startFailing("slow", { slowMs: "uniform:20,30", ttftMs: 5, stamps: true });
      const { text } = await ask(body);
      expect(mock.stats()).to.deep.include({ completed: 1, failed: 0, failures: { slow: 1 } });
      const stamp = (field: string) => Number(new RegExp(`"${field}":"(\\d+)"`).exec(text)?.[1]);
      if ("stream" in body) expect(stamp("assay_sent_ns") - stamp("assay_received_ns")).to.be.at.least(25e6);
      expect(text).to.contain("total_tokens");
    });
  }

  it("resets the connection in mid-stream", async () => {
    await startFailing("reset-midway", { itlMs: 2 });
    const { text, ending } = await ask();
    expect(ending).to.equal("reset");
    expect(contentsOf(eventsOf(text)).length).to.be.within(1, 19);
    expect(text).to.not.contain("[DONE]");
  });

  it("resets the connection in the middle of a whole answer", async () => {
    await startFailing("reset-midway");
    const { text, ending } = await askWhole();
    expect(ending).to.equal("reset");
    expect(text).to.match(/^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\n\{"id"/);
  });

  it("stalls in mid-stream until its time is over, and the body stays without its end", async () => {
    await startFailing("stall-midway", { stallMs: 30 });
    const { text, ending } = await ask(usageAsked, "");
    expect(ending).to.equal("end");
    expect(bodyOf(text).isWhole).to.equal(false);
    expect(contentsOf(eventsOf(text)).length).to.be.within(1, 19);
    expect(mock.stats()).to.include({ failed: 1, openStreams: 0 });
  });

  it("stalls in mid-stream until the client goes", async () => {
    await startFailing("stall-midway");
    const socket = await beginAsking(usageAsked);
    await once(socket, "data");
    socket.destroy();
    expect(await statsReach(mock, ({ openStreams }) => openStreams === 0)).to.include({ aborted: 1, failed: 0 });
  });

  it("stalls in the middle of a whole answer, until its time is over or the client goes", async () => {
    await startFailing("stall-midway", { stallMs: 30 });
    const { text, ending } = await ask({ max_tokens: 20 }, "");
    expect(ending).to.equal("end");
    expect(text.length).to.be.below(text.indexOf("\r\n\r\n") + 4 + Number(/content-length: (\d+)/.exec(text)?.[1]));
    await mock.stop();
    await startFailing("stall-midway");
    const socket = await beginAsking({ max_tokens: 20 });
    await once(socket, "data");
    socket.end();
    expect(await statsReach(mock, ({ openStreams }) => openStreams === 0)).to.include({ aborted: 1, failed: 0 });
  });

  it("cuts a stream inside an HTTP chunk", async () => {
    await startFailing("cut");
    const { text, ending } = await ask(usageAsked, "");
    expect(ending).to.equal("end");
    expect(text).to.match(/\r\n[0-9a-f]+\r\ndata: [^\n]*$/);
    expect(bodyOf(text).isWhole).to.equal(false);
    expect(contentsOf(eventsOf(text)).length).to.be.within(1, 19);
  });

  it("cuts a whole answer before its content-length", async () => {
    await startFailing("cut");
    const { text, ending } = await ask({ max_tokens: 20 }, "");
    expect(ending).to.equal("end");
    const length = Number(/content-length: (\d+)/.exec(text)?.[1]);
    expect(text.length - text.indexOf("\r\n\r\n") - 4).to.be.within(1, length - 1);
  });

  it("truncates a stream, whose body ends all the same, and keeps the connection", async () => {
    await startFailing("truncate");
    const socket = await beginAsking(usageAsked);
    const text = await until(socket, /\r\n0\r\n\r\n$/);
    expect(bodyOf(text).isWhole).to.equal(true);
    expect(contentsOf(eventsOf(text)).length).to.be.within(1, 19);
    expect(text).to.not.match(/\[DONE\]|"usage"|"finish_reason":"/);
    socket.write("GET /health HTTP/1.1\r\nhost: a\r\n\r\n");
    expect(await until(socket, /\{"status":"ok"\}$/)).to.match(/^HTTP\/1\.1 200/);
    socket.destroy();
  });

  it("truncates a whole answer, whose length is that of what is left", async () => {
    await startFailing("truncate");
    const { text } = await askWhole();
    const body = text.slice(text.indexOf("\r\n\r\n") + 4);
    expect(body.length).to.equal(Number(/content-length: (\d+)/.exec(text)?.[1]));
    expect(() => JSON.parse(body)).to.throw(SyntaxError);
  });

  it("puts an event that is not JSON among those of a stream, which is whole", async () => {
    await startFailing("garbage");
    const { text } = await ask();
    const events = eventsOf(text);
    expect(events.filter((event) => event === undefined)).to.have.length(1);
    expect(contentsOf(events)).to.have.length(20);
    expect(dataOf(text).at(-1)).to.equal("[DONE]");
    expect(mock.stats()).to.deep.include({ completed: 1, failed: 0, failures: { garbage: 1 } });
  });

  it("is no JSON as a whole answer", async () => {
    await startFailing("garbage");
    const { text } = await askWhole();
    expect(text).to.match(/^HTTP\/1\.1 200 OK\r\n[\s\S]*content-type: application\/json[\s\S]*\r\n\r\nthis is no JSON$/);
  });

  it("is an error object inside a stream, then [DONE]", async () => {
    await startFailing("error-event");
    const { text } = await ask();
    const events = eventsOf(text);
    expect(events.at(-1)?.error).to.include({ type: "server_error" }).and.have.property("message").that.is.a("string");
    expect(contentsOf(events).length).to.be.within(1, 19);
    expect(dataOf(text).at(-1)).to.equal("[DONE]");
    expect(bodyOf(text).isWhole).to.equal(true);
  });

  it("is an error object as a whole answer under 200", async () => {
    await startFailing("error-event");
    const { text } = await askWhole();
    expect(text).to.match(/^HTTP\/1\.1 200 OK\r\n/);
    expect(JSON.parse(text.slice(text.indexOf("\r\n\r\n")))).to.have.nested.property("error.message");
  });

  it("is usage that is missing though it was asked for", async () => {
    await startFailing("no-usage");
    const { text } = await ask();
    expect(contentsOf(eventsOf(text))).to.have.length(20);
    expect(dataOf(text).at(-1)).to.equal("[DONE]");
    expect(text).to.not.contain("usage");
    const whole = await askWhole();
    expect(whole.text).to.contain('"choices"').and.not.contain("usage");
    expect(mock.stats()).to.include({ completed: 2 });
  });

  it("is a stream without [DONE] that is otherwise whole", async () => {
    await startFailing("no-done");
    const { text } = await ask();
    expect(contentsOf(eventsOf(text))).to.have.length(20);
    expect(text).to.contain('"usage"').and.not.contain("[DONE]");
    expect(bodyOf(text).isWhole).to.equal(true);
    expect((await askWhole()).text).to.contain('"total_tokens"');
  });

  for (const kind of ["reset-midway", "stall-midway", "cut", "truncate", "garbage", "error-event"]) {
    it(`of the kind ${kind} takes hold after the only token of a stream`, async () => {
      await startFailing(kind, { stallMs: 5, itlMs: 1, ttftMs: 1 });
      const { text } = await ask({ stream: true, max_tokens: 1 });
      expect(contentsOf(eventsOf(text))).to.have.length(1);
      expect(text.includes("[DONE]")).to.equal(kind === "garbage" || kind === "error-event");
    });
  }

  it("takes hold in its place also where chunks are written together", async () => {
    await startFailing("error-event", { coalesce: true, seed: 3 });
    const together = contentsOf(eventsOf((await ask()).text));
    expect(together.length).to.be.within(1, 19);
    await mock.stop();
    await startFailing("error-event", { seed: 3 });
    expect(contentsOf(eventsOf((await ask()).text))).to.deep.equal(together);
  });

  for (const kind of ["stall", "stall-midway", "slow"]) {
    it(`of the kind ${kind} ends with the server`, async () => {
      await startFailing(kind, { slowMs: 60_000 });
      const sockets = await Promise.all([beginAsking(usageAsked), beginAsking({ max_tokens: 3 })]);
      const ended = Promise.all(sockets.map(untilEnded));
      await statsReach(mock, ({ openStreams }) => openStreams === 2);
      await mock.stop();
      await ended;
      expect(mock.stats()).to.include({ openStreams: 0, aborted: 2, openConnections: 0 });
    });
  }
});

describe("failures on purpose by rate and seed", () => {
  const rates: FailureRates = { "429": 0.15, "503": 0.1, reset: 0.1, "reset-midway": 0.1, truncate: 0.1, "error-event": 0.1 };

  /** How each of 60 requests, one after the other, ended. */
  async function outcomesOf(seed: number): Promise<string[]> {
    mock = await createMock({ failures: rates, seed, osl: "uniform:5,15" });
    const outcomes: string[] = [];
    for (let i = 0; i < 60; i++) {
      const { text, ending } = await askRaw(mock, { stream: true }, close);
      const status = /^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? "none";
      // What had been sent before a reset may be lost on its way.
      const tokens = ending === "reset" ? "" : contentsOf(eventsOf(text)).length;
      outcomes.push(
        [status === "200" && ending === "reset" ? "none" : status, ending, tokens, text.includes("[DONE]")].join(" "),
      );
    }
    expectBalance();
    await mock.stop();
    return outcomes;
  }

  it("are the same for the same seed and order of requests, place included, and others for another seed", async () => {
    const first = await outcomesOf(5);
    expect(await outcomesOf(5)).to.deep.equal(first);
    expect(await outcomesOf(6)).to.not.deep.equal(first);
    expect(new Set(first).size).to.be.above(10);
  });
});
