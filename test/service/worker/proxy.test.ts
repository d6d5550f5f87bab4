import { once } from "node:events";
import { createServer as createHttp2Server, createSecureServer, type IncomingHttpHeaders } from "node:http2";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { expect } from "chai";
import { parseProxyUrl } from "../../../endpoints/proxy.ts";
import { TransportKind } from "../../../gen/assay/common/v1/run_spec_pb.js";
import { createTransport } from "../../../services/worker/transport/choose.ts";
import type { ProxyOptions, TargetOptions, Transport } from "../../../services/worker/transport/transport.ts";
import { createCertWorkshop } from "../../support/certs.ts";
import { type ConnectProxy, type ConnectProxyOptions, refuse, startConnectProxy } from "../../support/connect-proxy.ts";
import { Harness, until } from "../rpc/harness.ts";
import { send } from "./exchanges.ts";
import { chunk, chunkedHead, lastChunk, plainAnswer, startScripted } from "./scripted-server.ts";

const { AUTO, UNDICI, HTTP2 } = TransportKind;

describe("transports through a proxy", () => {
  const harness = new Harness();
  const workshop = createCertWorkshop();
  const ca = workshop.ca("Test CA");
  const pair = ca.issue("localhost", "DNS:localhost", "IP:127.0.0.1");
  const trusting = { tls: { ca: ca.cert, rejectUnauthorized: true } };
  after(() => workshop.remove());
  afterEach(() => harness.close());

  async function proxyWith(options?: ConnectProxyOptions): Promise<ConnectProxy> {
    const proxy = await startConnectProxy(options);
    harness.onClose(() => proxy.stop());
    return proxy;
  }

  function optionsOf(url: string, authorization?: string): ProxyOptions {
    const place = parseProxyUrl(url);
    if (place === undefined) throw new Error(`no proxy: ${url}`);
    return { ...place, ca: ca.cert, ...(authorization === undefined ? {} : { authorization }) };
  }

  async function reach(kind: TransportKind, target: Partial<TargetOptions> & Pick<TargetOptions, "origin">): Promise<Transport> {
    const transport = await createTransport([{ connectTimeoutMs: 10_000, isPooled: true, ...target }], kind);
    harness.onClose(() => transport.close());
    return transport;
  }

  interface Served {
    readonly origin: string;
    readonly heads: unknown[];
  }

  async function serveHttp1(isSecure: boolean): Promise<Served> {
    const heads: unknown[] = [];
    const server = await startScripted(
      ({ socket, head }) => {
        heads.push(head);
        socket.write(plainAnswer("hello"));
      },
      isSecure ? { tls: pair } : {},
    );
    harness.onClose(() => server.stop());
    return { origin: server.origin, heads };
  }

  async function serveHttp2(isSecure: boolean): Promise<Served> {
    const heads: IncomingHttpHeaders[] = [];
    const server = isSecure ? createSecureServer({ ...pair }) : createHttp2Server();
    const sockets = new Set<Socket>();
    server.on(isSecure ? "secureConnection" : "connection", (socket: Socket) => sockets.add(socket));
    server.on("sessionError", () => {});
    server.on("stream", (stream, headers) => {
      heads.push(headers);
      stream.on("error", () => {}).respond({ ":status": 200, "content-type": "text/plain" });
      stream.end("hello");
    });
    await once(server.listen(0, "127.0.0.1"), "listening");
    harness.onClose(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    return { origin: `http${isSecure ? "s" : ""}://127.0.0.1:${(server.address() as AddressInfo).port}`, heads };
  }

  const ways = [
    { what: "HTTP/1.1", kind: AUTO, isSecure: false, serve: serveHttp1 },
    { what: "HTTP/1.1 in TLS", kind: AUTO, isSecure: true, serve: serveHttp1 },
    { what: "HTTP/2", kind: HTTP2, isSecure: false, serve: serveHttp2 },
    { what: "HTTP/2 in TLS", kind: HTTP2, isSecure: true, serve: serveHttp2 },
  ] as const;

  for (const { what, kind, isSecure, serve } of ways) {
    for (const isProxySecure of [false, true]) {
      it(`speak ${what} to the target in a tunnel${isProxySecure ? " of a proxy in TLS" : ""}, and give credentials to the proxy alone`, async () => {
        const proxy = await proxyWith({ credentials: "me:s3cret", ...(isProxySecure ? { tls: pair } : {}) });
        const { origin, heads } = await serve(isSecure);
        const authorization = `Basic ${Buffer.from("me:s3cret").toString("base64")}`;
        const transport = await reach(kind, {
          origin,
          proxy: optionsOf(proxy.url, authorization),
          ...(isSecure ? trusting : {}),
        });
        const first = await send(transport);
        expect(first.error).to.equal(undefined);
        expect(first.body.toString()).to.equal("hello");
        const { connectNs = 0, steps } = first.connection ?? {};
        const { ends } = first;
        const tookNs = (steps?.tcpNs ?? 0) + (steps?.tlsNs ?? 0);
        expect(steps?.tcpNs).to.be.greaterThan(0);
        expect(steps?.tlsNs === undefined).to.equal(!isSecure);
        expect(connectNs).to.be.at.least(tookNs);
        expect(ends?.remote).to.equal(proxy.place);
        expect((await send(transport)).connection?.isReused).to.equal(true);
        expect(proxy.heads).to.have.lengthOf(1);
        const { host } = new URL(origin);
        expect(proxy.heads[0]).to.match(new RegExp(`^CONNECT ${host} HTTP/1.1\r\nHost: ${host}\r\n`));
        expect(proxy.heads[0]).to.contain(`\r\nProxy-Authorization: ${authorization}`);
        expect(JSON.stringify(heads).toLowerCase()).to.not.contain("proxy-");
        expect(heads).to.have.lengthOf(2);
        expect(transport.stats()).to.deep.equal({ connections: 1, opened: 1, replaced: 0 });
      });
    }

    describe(`${what}: a failure`, () => {
      const failures: {
        readonly of: string;
        readonly code: "proxy_refused" | "proxy_unreachable";
        readonly words: RegExp;
        instead?(client: Socket): void;
        readonly connectTimeoutMs?: number;
      }[] = [
        {
          of: "a proxy that wants a password",
          code: "proxy_refused",
          words: /^the proxy http:\/\/127\.0\.0\.1:\d+ refused CONNECT 127\.0\.0\.1:\d+ with status 407: who are you\?$/,
          instead: (client) => refuse(client, 407, "who are you?"),
        },
        {
          of: "a proxy that forbids, its words ended by the end of the connection",
          code: "proxy_refused",
          words: /with status 403: not there$/,
          instead: (client) => {
            client.write("HTTP/1.0 403 Forbidden\r\n\r\nnot ");
            setImmediate(() => client.end("there"));
          },
        },
        {
          of: "a proxy that refuses in chunks",
          code: "proxy_refused",
          words: /with status 502: bad gateway$/,
          instead: (client) => {
            client.write("HTTP/1.1 502 No\r\ntransfer-encoding: chunked\r\n\r\n3\r\nbad\r\n8\r\n gat");
            setImmediate(() => client.write("eway\r\n0\r\n\r\n"));
          },
        },
        {
          of: "a proxy with a long story, of which the beginning is kept",
          code: "proxy_refused",
          words: /with status 503: x{199}…$/,
          instead: (client) => refuse(client, 503, "x".repeat(100_000)),
        },
        {
          of: "a proxy that cuts the connection",
          code: "proxy_unreachable",
          words: /closed the connection before its answer to CONNECT 127\.0\.0\.1:\d+$/,
          instead: (client) => client.end("HTTP/1.1 200 Conn"),
        },
        {
          of: "a proxy that resets the connection",
          code: "proxy_unreachable",
          words: /^the proxy http:\/\/127\.0\.0\.1:\d+: read ECONNRESET$/,
          instead: (client) => client.resetAndDestroy(),
        },
        {
          of: "what is no HTTP proxy",
          code: "proxy_unreachable",
          words: /with what is not HTTP\/1\.1: SSH-2\.0-OpenSSH_9\.6$/,
          instead: (client) => client.write("SSH-2.0-OpenSSH_9.6\r\n"),
        },
        {
          of: "a status that is none",
          code: "proxy_unreachable",
          words: /with what is not HTTP\/1\.1: HTTP\/1\.1 abc/,
          instead: (client) => client.write("HTTP/1.1 abc\r\n\r\n"),
        },
        {
          of: "a head without an end",
          code: "proxy_unreachable",
          words: /with what is not HTTP\/1\.1: HTTP\/1\.1 200 OK x-a: a/,
          instead: (client) => client.write(`HTTP/1.1 200 OK\r\nx-a: ${"a".repeat(70_000)}`),
        },
        {
          of: "a proxy that never answers",
          code: "proxy_unreachable",
          words: /^no tunnel through the proxy http:\/\/127\.0\.0\.1:\d+ to 127\.0\.0\.1:\d+ after 0\.05 s$/,
          instead: () => {},
          connectTimeoutMs: 50,
        },
      ];
      for (const { of, code, words, instead, connectTimeoutMs = 10_000 } of failures) {
        it(`is ${code} for ${of}`, async () => {
          const proxy = await proxyWith(instead === undefined ? {} : { instead });
          const { origin, heads } = await serve(isSecure);
          const transport = await reach(kind, {
            origin,
            proxy: optionsOf(proxy.url),
            connectTimeoutMs,
            ...(isSecure ? trusting : {}),
          });
          const { error, calls } = await send(transport);
          expect(error).to.include({ code, phase: "connect" });
          expect(error?.message).to.match(words);
          expect(calls).to.deep.equal(["failure"]);
          expect(heads).to.deep.equal([]);
          await until("the proxy to be left", () => proxy.open.size === 0);
          expect(transport.stats()).to.include({ connections: 0, opened: 0 });
        });
      }

      it("is proxy_unreachable where no proxy listens", async () => {
        const { origin } = await serve(isSecure);
        const transport = await reach(kind, { origin, proxy: optionsOf("http://127.0.0.1:1"), ...(isSecure ? trusting : {}) });
        const { error } = await send(transport);
        expect(error).to.include({ code: "proxy_unreachable", phase: "connect" });
        expect(error?.message).to.match(/^the proxy http:\/\/127\.0\.0\.1:1: connect ECONNREFUSED/);
      });

      it("is proxy_unreachable for a proxy whose certificate is not to be trusted", async () => {
        const proxy = await proxyWith({ tls: workshop.ca("Other CA").issue("localhost", "IP:127.0.0.1") });
        const { origin } = await serve(isSecure);
        const transport = await reach(kind, { origin, proxy: optionsOf(proxy.url), ...(isSecure ? trusting : {}) });
        const { error } = await send(transport);
        expect(error).to.include({ code: "proxy_unreachable", phase: "connect" });
        expect(error?.message).to.match(/^the proxy https:\S+: unable to verify/);
        expect(proxy.heads).to.deep.equal([]);
      });
    });

    it(`give up a tunnel that is being opened for ${what} when they are closed, or the run is over`, async () => {
      const proxy = await proxyWith({ instead: () => {} });
      const { origin } = await serve(isSecure);
      const transport = await reach(kind, { origin, proxy: optionsOf(proxy.url) });
      const stop = new AbortController();
      const ahead = transport.open(0, 1, stop.signal);
      await until("the proxy to be asked", () => proxy.heads.length === 1);
      stop.abort();
      await ahead;
      await until("the proxy to be left", () => proxy.open.size === 0);
      const seen = send(transport);
      await until("the proxy to be asked", () => proxy.heads.length === 2);
      await transport.close();
      expect((await seen).error?.code).to.equal("reset");
      await until("the proxy to be left", () => proxy.open.size === 0);
    });

    it(`open tunnels ahead for ${what}, and use them`, async () => {
      const proxy = await proxyWith();
      const { origin } = await serve(isSecure);
      const transport = await reach(kind, { origin, proxy: optionsOf(proxy.url), ...(isSecure ? trusting : {}) });
      await transport.open(0, 3, AbortSignal.timeout(10_000));
      const opened = proxy.heads.length;
      expect(opened).to.equal(kind === HTTP2 ? 1 : 3);
      const all = await Promise.all([send(transport), send(transport), send(transport)]);
      expect(all.map(({ error }) => error)).to.deep.equal([undefined, undefined, undefined]);
      expect(proxy.heads).to.have.lengthOf(opened);
    });

    it(`do not use a tunnel for ${what} that was cut while nothing was on it`, async () => {
      const proxy = await proxyWith();
      const { origin } = await serve(isSecure);
      const transport = await reach(kind, { origin, proxy: optionsOf(proxy.url), ...(isSecure ? trusting : {}) });
      await transport.open(0, 1, AbortSignal.timeout(10_000));
      for (const client of proxy.open) client.destroy();
      await until("the cut to be seen", () => transport.stats().connections === 0);
      const { error, connection } = await send(transport);
      expect(error).to.equal(undefined);
      expect(connection?.isReused).to.equal(false);
      expect(proxy.heads).to.have.lengthOf(2);
    });
  }

  it("open a tunnel a request, where connections are not to be used again", async () => {
    const proxy = await proxyWith();
    for (const { kind, isSecure, serve } of ways) {
      const { origin } = await serve(isSecure);
      const transport = await reach(kind, {
        origin,
        isPooled: false,
        proxy: optionsOf(proxy.url),
        ...(isSecure ? trusting : {}),
      });
      for (let index = 0; index < 2; index++) expect((await send(transport)).connection?.isReused).to.equal(false);
    }
    expect(proxy.heads).to.have.lengthOf(2 * ways.length);
    await until("the proxy to be left", () => proxy.open.size === 0);
  });

  it("give each session a tunnel of its own, and close it with the session", async () => {
    const proxy = await proxyWith();
    const { origin } = await serveHttp1(false);
    const transport = await reach(AUTO, { origin, proxy: optionsOf(proxy.url) });
    for (const session of ["a", "b", "a"]) await send(transport, { session });
    expect(proxy.heads).to.have.lengthOf(2);
    transport.endSession("a");
    await until("a tunnel to be closed", () => proxy.open.size === 1);
  });

  for (const { what, kind, isSecure, serve } of ways.filter(({ kind, isSecure }) => kind === HTTP2 && !isSecure)) {
    it(`lose nothing of a target that speaks ${what} first, with the consent of the proxy`, async () => {
      const proxy = await proxyWith({ isTargetFirst: true });
      const { origin } = await serve(isSecure);
      expect((await send(await reach(kind, { origin, proxy: optionsOf(proxy.url) }))).body.toString()).to.equal("hello");
    });
  }

  it("do not wait for the rest of what a proxy says when it refuses", async () => {
    const proxy = await proxyWith({ instead: (client) => client.write("HTTP/1.1 502 Bad Gateway\r\n\r\nsome") });
    const { origin } = await serveHttp1(false);
    const { error } = await send(await reach(AUTO, { origin, proxy: optionsOf(proxy.url), connectTimeoutMs: 600_000 }));
    expect(error?.message).to.match(/with status 502: some$/);
  });

  it("take a consent with headers, after interim answers, of HTTP/1.0", async () => {
    const consent = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 201\r\nvia: x\r\ncontent-length: 7\r\n\r\n";
    const proxy = await proxyWith({ consent });
    const { origin } = await serveHttp1(false);
    expect((await send(await reach(UNDICI, { origin, proxy: optionsOf(proxy.url) }))).body.toString()).to.equal("hello");
  });

  it("read streams through the tunnel as they come", async () => {
    const proxy = await proxyWith();
    const server = await startScripted(({ socket }) => {
      socket.write(`${chunkedHead}\r\n${chunk("one")}`);
    });
    harness.onClose(() => server.stop());
    const transport = await reach(AUTO, { origin: server.origin, proxy: optionsOf(proxy.url) });
    const seen = await send(transport, {
      onBody: () => {
        if (server.requests.length === 1) for (const socket of server.open) socket.write(chunk("two") + lastChunk);
      },
    });
    expect(seen.error).to.equal(undefined);
    expect(seen.body.toString()).to.match(/^onetwo/);
  });

  it("tell a target whose certificate is not to be trusted from a bad proxy", async () => {
    const proxy = await proxyWith();
    for (const { kind, serve } of ways.filter(({ isSecure }) => isSecure)) {
      const { origin } = await serve(true);
      const { error } = await send(await reach(kind, { origin, proxy: optionsOf(proxy.url) }));
      expect(error).to.include({ code: "tls", phase: "tls" });
    }
  });

  it("tell a target that never ends its handshake from a proxy that never answers", async () => {
    const proxy = await proxyWith();
    const silent = createServer((socket) => socket.on("error", () => {}).resume());
    await once(silent.listen(0, "127.0.0.1"), "listening");
    harness.onClose(() => silent.close());
    const origin = `https://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    for (const kind of [AUTO, HTTP2]) {
      const transport = await reach(kind, { origin, proxy: optionsOf(proxy.url), connectTimeoutMs: 100 });
      const { error } = await send(transport);
      expect(error).to.include({ code: "connect_timeout", phase: "connect", message: "no connection after 0.1 s" });
      await until("the proxy to be left", () => proxy.open.size === 0);
    }
  });

  it("tell a cut in the middle of an answer as ever", async () => {
    const proxy = await proxyWith();
    const server = await startScripted(({ socket }) => socket.end(`${chunkedHead}\r\n${chunk("one")}`));
    harness.onClose(() => server.stop());
    const { error } = await send(await reach(AUTO, { origin: server.origin, proxy: optionsOf(proxy.url) }));
    expect(error).to.include({ code: "truncated", phase: "stream" });
  });
});
