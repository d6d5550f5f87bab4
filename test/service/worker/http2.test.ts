import { once } from "node:events";
import {
  createSecureServer,
  createServer,
  type Http2Server,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type ServerOptions,
} from "node:http2";
import type { AddressInfo } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { expect } from "chai";
import { requestError } from "../../../endpoints/target-error.ts";
import { createHttp2Transport } from "../../../services/worker/transport/http2.ts";
import type { TargetOptions, Transport } from "../../../services/worker/transport/transport.ts";
import { createCertWorkshop, type KeyPair } from "../../support/certs.ts";
import { Harness, until } from "../rpc/harness.ts";
import { send } from "./exchanges.ts";
import { listenFull } from "./full-listener.ts";
import { plainAnswer, startScripted } from "./scripted-server.ts";

type Headers = Parameters<Parameters<Http2Server["on"]>[1]>[1];

describe("transport over http2", () => {
  const harness = new Harness();
  const workshop = createCertWorkshop();
  const ca = workshop.ca("Test CA");
  const pair = ca.issue("localhost", "DNS:localhost", "IP:127.0.0.1");
  after(() => workshop.remove());
  afterEach(() => harness.close());

  async function serve(
    answer: (stream: ServerHttp2Stream, headers: Headers) => void,
    { settings, tls }: Pick<ServerOptions, "settings"> & { tls?: KeyPair } = {},
  ) {
    const options = { settings, maxSessionMemory: 1000 };
    const server = tls === undefined ? createServer(options) : createSecureServer({ ...tls, ...options });
    const sessions = new Set<ServerHttp2Session>();
    let connections = 0;
    server.on("session", (session) => {
      connections++;
      sessions.add(session.on("error", () => {}).on("close", () => sessions.delete(session)));
    });
    server.on("stream", (stream, headers) =>
      answer(
        stream.on("error", () => {}),
        headers,
      ),
    );
    await once(server.listen(0, "127.0.0.1"), "listening");
    harness.onClose(() => {
      for (const session of sessions) session.destroy();
      server.close();
    });
    const origin = `${tls === undefined ? "http" : "https"}://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return { origin, sessions, connections: () => connections };
  }

  function reach(origin: string, options: Partial<TargetOptions> = {}): Transport {
    const transport = createHttp2Transport([{ origin, connectTimeoutMs: 10_000, isPooled: true, ...options }]);
    harness.onClose(() => transport.close());
    return transport;
  }

  const echo = (stream: ServerHttp2Stream): void => {
    stream.respond({ ":status": 200, "content-type": "text/plain" });
    stream.pipe(stream);
  };

  it("tells an answer in order, with its status, type, headers and body", async () => {
    let seenHeaders: Headers | undefined;
    const { origin } = await serve((stream, headers) => {
      seenHeaders = headers;
      stream.respond({ ":status": 201, "content-type": "a/b" });
      stream.write("one");
      setImmediate(() => stream.end("two"));
    });
    const seen = await send(reach(origin), { headers: ["X-Own", "1", "connection", "keep-alive"] });
    expect(seen.calls.filter((call) => call !== "body")).to.deep.equal(["sent", "head", "end"]);
    expect(seen).to.deep.include({ status: 201, contentType: "a/b", error: undefined, body: Buffer.from("onetwo") });
    expect(seen.connection?.isReused).to.equal(false);
    expect(seen.connection?.connectNs).to.be.greaterThan(0);
    expect(seen.connection?.steps?.tcpNs).to.be.greaterThan(0);
    expect(seen.ends?.remote).to.equal(new URL(origin).host);
    expect(seen.written).to.have.lengthOf(1);
    expect(seenHeaders).to.include({ ":method": "POST", ":path": "/v1/chat/completions", "x-own": "1", "content-length": "2" });
    expect(seenHeaders).to.include({ ":authority": new URL(origin).host });
  });

  it("carries many requests at once on one connection, and large bodies both ways", async () => {
    const { origin, connections } = await serve(echo);
    const transport = reach(origin);
    await transport.open(0, 50, AbortSignal.timeout(10_000));
    const bodies = Array.from({ length: 50 }, (_, index) => Buffer.alloc(1 + index * 30_000, String(index)));
    const answers = await Promise.all(bodies.map((body) => send(transport, { body })));
    expect(answers.map(({ error }) => error)).to.deep.equal(bodies.map(() => undefined));
    expect(answers.map(({ body }, index) => body.equals(bodies[index] as Buffer))).to.not.include(false);
    expect(connections()).to.equal(1);
    expect((await send(transport)).connection).to.include({ isReused: true, connectNs: undefined, steps: undefined });
    expect(transport.stats()).to.deep.equal({ connections: 1, opened: 1, replaced: 0 });
  });

  it("opens as many connections as the target's limit of requests on one asks for", async () => {
    const waiting: ServerHttp2Stream[] = [];
    const { origin, connections } = await serve((stream) => waiting.push(stream), { settings: { maxConcurrentStreams: 4 } });
    const transport = reach(origin);
    const answers = Array.from({ length: 10 }, () => send(transport));
    await until("all to come", () => waiting.length === 10);
    for (const stream of waiting) echo(stream);
    expect((await Promise.all(answers)).every(({ error }) => error === undefined)).to.equal(true);
    expect(connections()).to.be.within(3, 10);
  });

  it("gives every request a connection of its own where that was asked for, and sessions theirs", async () => {
    const { origin, connections, sessions } = await serve(echo);
    const never = reach(origin, { isPooled: false });
    for (let n = 0; n < 3; n++) expect((await send(never)).connection?.isReused).to.equal(false);
    expect(connections()).to.equal(3);
    await until("all to close", () => sessions.size === 0);
    const transport = reach(origin);
    for (const session of ["a", "b", "a"]) await send(transport, { session });
    expect(connections()).to.equal(5);
    transport.endSession("a");
    await until("its connection to close", () => sessions.size === 1);
    expect((await send(transport, { session: "b" })).connection?.isReused).to.equal(true);
    expect(transport.stats()).to.deep.equal({ connections: 1, opened: 2, replaced: 0 });
  });

  it("closes the stream alone at an abort, and the connection carries on", async () => {
    const closed: number[] = [];
    const { origin, connections } = await serve((stream, headers) => {
      if (headers[":path"] === "/echo") return echo(stream);
      stream.on("close", () => closed.push(stream.rstCode ?? 0));
    });
    const transport = reach(origin);
    const error = requestError("cancelled", "wait", "enough");
    const seen = await send(transport, { onSent: (exchange) => setTimeout(() => exchange().abort(error), 20) });
    expect(seen.calls).to.deep.equal(["sent", "failure"]);
    expect(seen.error).to.equal(error);
    await until("the stream to close", () => closed.length === 1);
    expect((await send(transport, { path: "/echo" })).connection?.isReused).to.equal(true);
    expect(connections()).to.equal(1);
  });

  it("replaces a connection that the target has left or closed", async () => {
    for (const how of ["goaway", "destroy"] as const) {
      const { origin, sessions } = await serve(echo);
      const transport = reach(origin);
      await send(transport);
      for (const session of sessions) session[how]();
      await until("it to be noticed", () => transport.stats().replaced === 1);
      const seen = await send(transport);
      expect(seen).to.include({ error: undefined, status: 200 });
      expect(seen.connection?.isReused).to.equal(false);
    }
  });

  describe("fails", () => {
    it("as reset where the target resets the stream, before and within the answer", async () => {
      const { origin } = await serve((stream, headers) => {
        if (headers[":path"] === "/within") {
          stream.respond({ ":status": 200 });
          stream.write("half");
          setTimeout(() => stream.destroy(new Error("on purpose")), 20);
        } else stream.close(7);
      });
      const transport = reach(origin);
      expect((await send(transport)).error).to.include({ code: "reset", phase: "wait" });
      const within = await send(transport, { path: "/within" });
      expect(within.error).to.include({ code: "reset", phase: "stream" });
      expect(within.body.toString()).to.equal("half");
    });

    it("where the connection is cut", async () => {
      const { origin, sessions } = await serve((stream, headers) => {
        if (headers[":path"] === "/ok") return echo(stream);
        for (const session of sessions) session.socket.destroy();
      });
      const transport = reach(origin);
      expect((await send(transport)).error?.code).to.be.oneOf(["reset", "truncated"]);
      await send(transport, { path: "/ok" });
      expect((await send(transport)).error?.code).to.be.oneOf(["stale_connection", "reset"]);
    });

    it("as refused, late or unresolved where there is nobody", async () => {
      expect((await send(reach("http://127.0.0.1:1"))).error).to.include({ code: "connect_refused", phase: "connect" });
      expect((await send(reach("http://no-such-host.invalid"))).error).to.include({ code: "name_resolution" });
      const full = await listenFull();
      harness.onClose(() => full.stop());
      expect((await send(reach(full.origin, { connectTimeoutMs: 50 }))).error?.code).to.equal("connect_timeout");
    });

    it("where the target speaks HTTP/1.1 alone", async () => {
      const plain = await startScripted(({ socket }) => socket.end(plainAnswer("no")), {
        onConnection: (socket) => socket.write("HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n"),
      });
      const secure = await startScripted(() => {}, { tls: { ...pair, ALPNProtocols: ["http/1.1"] } });
      for (const server of [plain, secure]) harness.onClose(() => server.stop());
      expect((await send(reach(plain.origin))).error?.phase).to.equal("connect");
      expect((await send(reach(secure.origin, { tls: { rejectUnauthorized: false } }))).error?.code).to.equal("tls");
    });

    it("as unsendable for what is no header, or not HTTP/2's", async () => {
      const { origin } = await serve(echo);
      const transport = reach(origin);
      for (const headers of [
        ["a b", "x"],
        ["a", "b\n"],
        ["transfer-encoding", "chunked"],
        [":path", "/x"],
      ]) {
        expect((await send(transport, { headers })).error?.code, headers[0]).to.equal("unsendable");
      }
      expect((await send(transport, { target: 7 })).error?.code).to.equal("unsendable");
      expect((await send(transport)).status).to.equal(200);
    });

    it("with the transport, and as fenced where it may not be written any more", async () => {
      const { origin, sessions } = await serve(() => {});
      const transport = reach(origin);
      expect((await send(transport, { mayWrite: () => false })).error?.code).to.equal("fenced");
      const waiting = send(transport);
      await turn();
      await transport.close();
      expect((await waiting).error?.code).to.equal("reset");
      expect((await send(transport)).error?.code).to.equal("unsendable");
      await until("all to close", () => sessions.size === 0);
    });
  });

  it("speaks TLS with targets whose certificate is trusted, and chooses h2", async () => {
    const { origin } = await serve(echo, { tls: pair });
    const good = await send(reach(origin, { tls: { ca: ca.cert, rejectUnauthorized: true } }), { body: Buffer.from("secret") });
    expect(good.body.toString()).to.equal("secret");
    expect((await send(reach(origin, { tls: { rejectUnauthorized: true } }))).error).to.include({ code: "tls", phase: "tls" });
  });
});
