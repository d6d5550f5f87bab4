import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { expect } from "chai";
import { request } from "undici";
import { silentLogger } from "../../../services/common/logger.ts";
import { errorCode } from "../../../services/worker/core/http2/frames.ts";
import { GreedyClient } from "../../support/greedy-client.ts";
import { failureOf, Harness, until } from "./harness.ts";

describe("the limits of a server", () => {
  let harness: Harness;
  beforeEach(() => {
    harness = new Harness();
  });
  afterEach(() => harness.close());

  const path = "/assay.testing.v1.EchoService/Echo";
  function post(port: number, headers: Record<string, string>) {
    return request(`http://127.0.0.1:${port}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: '{"text":"x"}',
      bodyTimeout: 5_000,
    });
  }

  it("are for metadata, whose limit is named", async () => {
    const echo = await harness.serve({ limits: { maxMetadataBytes: 2048 } });
    const ask = (bytes: number) =>
      echo.client().echo({ text: "x" }, { metadata: { "x-long": "a".repeat(bytes) }, timeoutMs: 20_000 });
    expect((await ask(1500)).text).to.equal("x");
    const error = await failureOf(ask(3000));
    expect(error.code).to.equal("resource_exhausted");
    expect(error.message).to.match(/metadata of \d+ bytes: at most 2048 are taken \(--max-metadata-bytes\)/);
    expect((await post(echo.port, { "x-long": "a".repeat(1500) })).statusCode).to.equal(200);
    expect((await post(echo.port, { "x-long": "a".repeat(3000) })).statusCode).to.equal(431);
  });

  it("are for messages", async () => {
    const echo = await harness.serve({ limits: { maxMessageBytes: 10_000 } });
    const ask = (length: number) => echo.client().echo({ text: "a".repeat(length) }, { timeoutMs: 20_000 });
    expect((await ask(9000)).text).to.have.length(9000);
    const error = await failureOf(ask(11_000));
    expect(error.code).to.equal("resource_exhausted");
    expect(error.message).to.match(/larger than max .*10000/);
  });

  it("are for connections, of which one too many is closed at once and told in the log", async () => {
    const lines: string[] = [];
    const log = {
      ...silentLogger,
      warn: (message: string, fields = {}) => void lines.push(`${message} ${JSON.stringify(fields)}`),
    };
    const echo = await harness.serve({ limits: { maxConnections: 2 }, log });
    const open = (): Socket => {
      const socket = connect({ port: echo.port, host: "127.0.0.1" }).on("error", () => {});
      harness.onClose(() => socket.destroy());
      return socket;
    };
    const kept = [open(), open()];
    await Promise.all(kept.map((socket) => once(socket, "connect")));
    await Promise.all([open(), open()].map((socket) => once(socket, "close")));
    await until("the line in the log", () => lines.length > 0);
    expect(lines).to.deep.equal(['a connection was closed: there are as many as may be {"limit":"--max-connections 2"}']);
    kept[0]?.destroy();
    await until("room for another", () => kept[0]?.closed === true);
    expect((await echo.client().echo({ text: "x" }, { waitForReady: true, timeoutMs: 20_000 })).text).to.equal("x");
  });

  it("are for calls at once, of which the client has further ones wait", async () => {
    const echo = await harness.serve({ limits: { maxStreamsPerConnection: 2 } });
    const client = echo.client();
    const gate = Promise.withResolvers<void>();
    let running = 0;
    echo.probe.gate = gate.promise;
    echo.probe.onCall = () => void running++;
    const calls = Array.from({ length: 5 }, () => client.echo({ text: "x" }, { timeoutMs: 20_000 }));
    await until("two calls", () => running === 2);
    expect(echo.server.stats().open).to.equal(2);
    gate.resolve();
    expect(await Promise.all(calls)).to.have.length(5);
  });

  it("are for streams, of which one more than half of a connection's calls is refused by name, and none for ever", async () => {
    const echo = await harness.serve({ limits: { maxStreamsPerConnection: 4 } });
    const client = echo.client();
    const ends: AbortController[] = [];
    const openOne = async (of = client): Promise<void> => {
      const { signal } = ends[ends.push(new AbortController()) - 1] as AbortController;
      const answers = of.repeat({ count: -1, sizeBytes: 0 }, { signal })[Symbol.asyncIterator]();
      await answers.next();
    };
    await openOne();
    await openOne();
    const error = await failureOf(openOne());
    expect([error.code, error.message]).to.deep.equal([
      "resource_exhausted",
      "this connection has 2 streams: half of its 4 calls at once (--max-streams) may be streams",
    ]);
    expect((await failureOf(client.collect((async function* () {})()))).code).to.equal("resource_exhausted");
    expect((await client.echo({ text: "x" }, { timeoutMs: 20_000 })).text).to.equal("x");
    await openOne(echo.client());
    ends[0]?.abort();
    await until("the end of a stream", () => echo.server.stats().openStreams === 2);
    await openOne();
    for (const end of ends) end.abort();
    await until("the end of all", () => echo.server.stats().openStreams === 0);
    for (let again = 0; again < 20; again++) expect(await client.collect((async function* () {})())).to.deep.include({ sum: 0 });
  });

  it("are for calls at once of a client, too, that does not keep to them: it loses its connection, and nobody else", async () => {
    const echo = await harness.serve({ limits: { maxStreamsPerConnection: 4 } });
    const gate = Promise.withResolvers<void>();
    echo.probe.gate = gate.promise;
    const waiting = echo.client().echo({ text: "y" }, { timeoutMs: 20_000 });
    const greedy = new GreedyClient(echo.port);
    harness.onClose(() => greedy.close());
    await until("the server's settings", () => greedy.maxStreams !== undefined);
    expect(greedy.maxStreams).to.equal(4);
    // Until the client has taken the settings, what is too much may have been on its way: it is refused alone.
    const streams = Array.from({ length: 6 }, () => greedy.open(path));
    await until("two refusals", () => greedy.resets.size === 2);
    expect([...greedy.resets]).to.deep.equal(streams.slice(4).map((stream) => [stream, errorCode.refusedStream]));
    greedy.acknowledge();
    greedy.open(path);
    await until("the end of the connection", () => greedy.isClosed);
    expect(greedy.goaway).to.equal(errorCode.protocol);
    gate.resolve();
    expect((await waiting).text).to.equal("y");
    await until("the end of its calls", () => echo.server.stats().open === 0);
  });

  it("are for failures to authenticate, in either protocol, and lock nobody out", async () => {
    const echo = await harness.serve({ auth: { tokens: { right: "viewer" }, failures: { perMinute: 3, now: () => 0 } } });
    const ask = (token: string) => echo.client({ token }).echo({ text: "x" }, { timeoutMs: 20_000 });
    for (let failure = 0; failure < 3; failure++) expect((await failureOf(ask("wrong"))).code).to.equal("unauthenticated");
    const error = await failureOf(ask("wrong"));
    expect(error.code).to.equal("resource_exhausted");
    expect(error.message).to.include("127.0.0.1 failed to authenticate more than 3 times in a minute (--max-failed-auth");
    const { statusCode, body } = await post(echo.port, { authorization: "Bearer wrong" });
    expect([statusCode, ((await body.json()) as { code: string }).code]).to.deep.equal([429, "resource_exhausted"]);
    expect((await ask("right")).text).to.equal("x");
  });
});
