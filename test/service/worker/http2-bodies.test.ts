/** HTTP/2 against Node's own servers of it: bodies and headers of any size, with and without TLS, as their settings want them. */
import { once } from "node:events";
import {
  constants,
  createSecureServer,
  createServer,
  type Http2Server,
  type SecureServerOptions,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { AddressInfo } from "node:net";
import { expect } from "chai";
import { parseProxyUrl } from "../../../endpoints/proxy.ts";
import { createHttp2Transport } from "../../../services/worker/transport/http2.ts";
import type { TargetOptions, Transport } from "../../../services/worker/transport/transport.ts";
import { createCertWorkshop } from "../../support/certs.ts";
import { startConnectProxy } from "../../support/connect-proxy.ts";
import { Harness, until } from "../rpc/harness.ts";
import { send } from "./exchanges.ts";

/** `PADDING_STRATEGY_ALIGNED`, which Node's types do not have. */
const alignedPadding = 1;

describe("transport over http2, against Node's servers", () => {
  const harness = new Harness();
  const workshop = createCertWorkshop();
  const ca = workshop.ca("Test CA");
  const pair = ca.issue("localhost", "DNS:localhost", "IP:127.0.0.1");
  const tls = { ca: ca.cert, rejectUnauthorized: true };
  after(() => workshop.remove());
  afterEach(() => harness.close());

  const echo = (stream: ServerHttp2Stream): void => {
    stream.respond({ ":status": 200 });
    stream.pipe(stream);
  };

  async function serve(
    answer: (stream: ServerHttp2Stream, path: string) => void,
    options: SecureServerOptions & { readonly isSecure?: boolean } = {},
  ): Promise<{ readonly origin: string; readonly sessions: ReadonlySet<ServerHttp2Session> }> {
    const server: Http2Server = options.isSecure ? createSecureServer({ ...pair, ...options }) : createServer(options);
    const sessions = new Set<ServerHttp2Session>();
    server.on("session", (session) => sessions.add(session.on("error", () => {}).on("close", () => sessions.delete(session))));
    server.on("stream", (stream, head) =>
      answer(
        stream.on("error", () => {}),
        String(head[":path"]),
      ),
    );
    await once(server.listen(0, "127.0.0.1"), "listening");
    harness.onClose(() => {
      for (const session of sessions) session.destroy();
      server.close();
    });
    return { origin: `http${options.isSecure ? "s" : ""}://127.0.0.1:${(server.address() as AddressInfo).port}`, sessions };
  }

  function reach(origin: string, options: Partial<TargetOptions> = {}): Transport {
    const secure = origin.startsWith("https:") ? { tls } : {};
    const transport = createHttp2Transport([{ origin, connectTimeoutMs: 10_000, isPooled: true, ...secure, ...options }]);
    harness.onClose(() => transport.close());
    return transport;
  }

  /** Bytes of which no two stretches are alike. */
  function bodyOf(sizeBytes: number): Buffer {
    const body = Buffer.alloc(sizeBytes);
    for (let at = 0; at + 4 <= sizeBytes; at += 4) body.writeUInt32LE((at * 2_654_435_761) % 2 ** 32, at);
    return body;
  }

  const settings: readonly (readonly [what: string, options: SecureServerOptions])[] = [
    ["as they are", {}],
    ["with windows of 10 bytes", { settings: { initialWindowSize: 10 } }],
    ["with large windows and frames", { settings: { initialWindowSize: 1 << 24, maxFrameSize: 100_000 } }],
    ["without a table of headers", { settings: { headerTableSize: 0 } }],
    ["with padding up to the next 8 bytes", { paddingStrategy: alignedPadding }],
    ["with as much padding as there may be", { paddingStrategy: constants.PADDING_STRATEGY_MAX }],
  ];
  for (const [what, options] of settings) {
    it(`sends and takes bodies, to servers ${what}`, async () => {
      const { origin } = await serve(echo, options);
      const transport = reach(origin);
      const sizes = options.settings?.initialWindowSize === 10 ? [0, 1, 9, 10, 5000] : [0, 1, 9, 16_384, 16_385, 1_000_000];
      for (const sizeBytes of sizes) {
        const body = bodyOf(sizeBytes);
        const seen = await send(transport, { body, ownHeaders: ["x-n", String(sizeBytes)] });
        expect(seen.error, String(sizeBytes)).to.equal(undefined);
        expect(seen.body.equals(body), String(sizeBytes)).to.equal(true);
      }
      expect(transport.stats().opened).to.equal(1);
    });
  }

  it("sends and takes large bodies over TLS, many at once, and through a tunnel", async () => {
    const { origin } = await serve(echo, { isSecure: true });
    const proxy = await startConnectProxy();
    harness.onClose(() => proxy.stop());
    const place = parseProxyUrl(proxy.url);
    if (place === undefined) throw new Error("no proxy");
    for (const transport of [reach(origin), reach(origin, { proxy: place })]) {
      const bodies = [2_000_000, 70_000, 1, 500_000].map(bodyOf);
      const seen = await Promise.all(bodies.map((body) => send(transport, { body })));
      expect(seen.map(({ error }) => error)).to.deep.equal(bodies.map(() => undefined));
      expect(seen.map(({ body }, index) => body.equals(bodies[index] as Buffer))).to.deep.equal(bodies.map(() => true));
    }
    expect(proxy.heads).to.have.lengthOf(1);
  });

  it("takes an answer that is larger than all windows", async () => {
    const piece = Buffer.alloc(1 << 20, "p");
    const { origin } = await serve((stream) => {
      // Node resets a stream whose request nobody has read when its answer is over, before it has said so.
      stream.resume().respond({ ":status": 200 });
      let left = 100;
      const more = (): void => {
        while (left-- > 0) if (!stream.write(piece)) return void stream.once("drain", more);
        stream.end();
      };
      more();
    });
    const seen = await send(reach(origin));
    expect(seen.error?.message).to.equal(undefined);
    expect(seen.body.length).to.equal(100 << 20);
  });

  it("takes large headers and every letter that they may have", async () => {
    const letters = String.fromCharCode(
      ...Array.from({ length: 256 }, (_, code) => code).filter((code) => (code >= 0x20 && code < 0x7f) || code >= 0x80),
    );
    let head: unknown;
    const { origin } = await serve((stream) => {
      stream.respond({
        ":status": 200,
        "content-type": `a/b; x=${letters}`,
        "x-huge": "h".repeat(40_000),
        "set-cookie": ["a=1", "b=2"],
      });
      stream.end("x");
    });
    const transport = reach(origin);
    for (let n = 0; n < 3; n++) {
      const exchange = Promise.withResolvers<void>();
      transport.send(
        { target: 0, path: "/", headers: [], body: Buffer.from("{}") },
        {
          mayWrite: () => true,
          onSent: () => {},
          onWritten: () => {},
          onHead: (_atNs, _status, contentType, answer) => {
            head = { contentType, ...answer?.headers() };
          },
          onBody: () => {},
          onEnd: () => exchange.resolve(),
          onFailure: (_atNs, error) => exchange.reject(new Error(error.message)),
        },
      );
      await exchange.promise;
      expect(head).to.deep.include({
        contentType: `a/b; x=${letters}`,
        "x-huge": "h".repeat(40_000),
        "set-cookie": ["a=1", "b=2"],
      });
    }
  });

  it("is understood whatever happens to the server's table of headers", async () => {
    const seen: string[] = [];
    const { origin, sessions } = await serve((stream, path) => {
      seen.push(path);
      echo(stream);
    });
    const transport = reach(origin);
    const headers = ["x-shared", "s".repeat(100), "authorization", "Bearer key"];
    const sizes = [4096, 0, 4096, 60, 200, 65_536, 0, 1];
    for (const [index, headerTableSize] of sizes.entries()) {
      for (const session of sessions) session.settings({ headerTableSize });
      for (let n = 0; n < 3; n++) {
        const answer = await send(transport, { path: `/${index}/${n}`, headers, ownHeaders: ["x-id", `${index}-${n}`] });
        expect(answer.error).to.equal(undefined);
      }
    }
    expect(seen).to.deep.equal(sizes.flatMap((_, index) => [0, 1, 2].map((n) => `/${index}/${n}`)));
    expect(transport.stats().opened).to.equal(1);
  });

  it("takes what is ahead of an answer for none, and trailers for its end", async () => {
    const { origin } = await serve((stream) => {
      stream.additionalHeaders({ ":status": 103, link: "x" });
      stream.additionalHeaders({ ":status": 100 });
      stream.respond({ ":status": 200 }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "x-end": "e" }));
      stream.end("body");
    });
    const seen = await send(reach(origin));
    expect(seen).to.deep.include({ error: undefined, status: 200, body: Buffer.from("body") });
    expect(seen.calls.filter((call) => call === "head")).to.have.lengthOf(1);
  });

  it("has not written what a slow server has no room for", async () => {
    let reading: ServerHttp2Stream | undefined;
    const { origin } = await serve((stream) => {
      reading = stream;
    });
    const request = send(reach(origin), { body: bodyOf(3_000_000) });
    await until("the request to come", () => reading !== undefined);
    expect(request.exchange.isWritten).to.equal(false);
    if (reading !== undefined) echo(reading);
    const seen = await request;
    expect(seen.error).to.equal(undefined);
    expect(seen.body.length).to.equal(3_000_000);
    expect(request.exchange.isWritten).to.equal(true);
  });
});
