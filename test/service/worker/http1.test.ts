import { setImmediate as turn } from "node:timers/promises";
import { expect } from "chai";
import { requestError } from "../../../endpoints/target-error.ts";
import type { TargetOptions, Transport } from "../../../services/worker/transport/transport.ts";
import { Harness, until } from "../rpc/harness.ts";
import { send, transportTo } from "./exchanges.ts";
import { listenFull } from "./full-listener.ts";
import { chunk, chunkedHead, lastChunk, plainAnswer, type SeenRequest, startScripted } from "./scripted-server.ts";

describe("transport over http1, and it alone,", () => {
  const harness = new Harness();
  afterEach(() => harness.close());

  async function script(answer: (request: SeenRequest) => void) {
    const server = await startScripted(answer);
    harness.onClose(() => server.stop());
    return server;
  }

  function reach(origin: string, options: Partial<TargetOptions> = {}): Transport {
    const transport = transportTo(origin, options, "http1");
    harness.onClose(() => transport.close());
    return transport;
  }

  async function full(): Promise<string> {
    const listener = await listenFull();
    harness.onClose(() => listener.stop());
    return listener.origin;
  }

  describe("writes", () => {
    it("head and body as one piece, with the headers of all requests and of this one", async () => {
      const { origin, port, requests } = await script(({ socket }) => socket.write(plainAnswer("ok")));
      const seen = await new Promise<number>((resolve) => {
        reach(origin).send(
          { target: 0, path: "/a?b", headers: ["x-all", "1"], ownHeaders: ["x-own", "\xe9"], body: Buffer.from("{}") },
          {
            mayWrite: () => true,
            onSent: () => {},
            onWritten: () => {},
            onHead: (_atNs, status) => resolve(status),
            onBody: () => {},
            onEnd: () => {},
            onFailure: () => resolve(0),
          },
        );
      });
      expect(seen).to.equal(200);
      expect(requests[0]?.head).to.equal(
        `POST /a?b HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nconnection: keep-alive\r\nx-all: 1\r\nx-own: \xe9\r\ncontent-length: 2`,
      );
    });

    it("the host that is given, and no length where there is no body", async () => {
      const { origin, requests } = await script(({ socket }) => socket.write(plainAnswer("ok")));
      const transport = reach(origin);
      await send(transport, { method: "GET", headers: ["Host", "other.test"] });
      expect(requests[0]?.head).to.equal("GET /v1/chat/completions HTTP/1.1\r\nhost: other.test\r\nconnection: keep-alive");
    });

    it("bodies larger than the socket takes at once", async () => {
      const { origin, requests } = await script(({ socket }) => socket.write(plainAnswer("ok")));
      const transport = reach(origin);
      for (const sizeBytes of [20_000, 40_000, 16 << 20]) {
        const body = Buffer.alloc(sizeBytes, "0123456789abcdef");
        const waiting = send(transport, {
          body,
          onSent: (exchange) => setImmediate(() => sizeBytes < 1e6 && expect(exchange().isWritten).to.equal(true)),
        });
        expect((await waiting).status).to.equal(200);
        expect(requests.at(-1)?.body.equals(body)).to.equal(true);
      }
    });

    it("many requests at once without mixing them up", async () => {
      const { origin, requests } = await script(({ socket, body }) => socket.write(plainAnswer(body)));
      const transport = reach(origin);
      const bodies = Array.from({ length: 200 }, (_, index) => `${index}`.repeat(1 + (index % 7) * 3000));
      const answers = await Promise.all(bodies.map((body) => send(transport, { body: Buffer.from(body) })));
      expect(answers.map(({ body }) => body.toString())).to.deep.equal(bodies);
      expect(requests).to.have.lengthOf(200);
    });
  });

  describe("an answer", () => {
    it("may follow a 100 that nobody asked for", async () => {
      const { origin } = await script(({ socket }) => socket.write(`HTTP/1.1 100 Continue\r\n\r\n${plainAnswer("ok")}`));
      expect(await send(reach(origin))).to.include({ status: 200, error: undefined });
    });

    it("has one moment for all chunks of a read", async () => {
      const { origin } = await script(({ socket }) =>
        socket.write(`${chunkedHead}\r\n${chunk("a")}${chunk("b")}${chunk("c")}${lastChunk}`),
      );
      const seen = await send(reach(origin));
      expect(seen.body.toString()).to.equal("abc");
      expect(seen.moments).to.equal(1);
    });
  });

  describe("a connection", () => {
    it("that the target keeps for a second is not used again, one that it keeps for longer is", async () => {
      for (const [sec, isReused] of [
        [1, false],
        [30, true],
      ] as const) {
        const { origin } = await script(({ socket }) => socket.write(plainAnswer("ok", `keep-alive: timeout=${sec}\r\n`)));
        const transport = reach(origin);
        await send(transport);
        expect((await send(transport)).connection?.isReused).to.equal(isReused);
      }
    });

    it("on which something came behind the answer is not used again", async () => {
      const { origin } = await script(({ socket }) => socket.write(`${plainAnswer("ok")}\r\n`));
      const transport = reach(origin);
      await send(transport);
      expect(await send(transport)).to.deep.include({ error: undefined });
      expect(transport.stats()).to.deep.equal({ connections: 0, opened: 2, replaced: 0 });
    });

    it("on which something comes that nobody asked for is replaced", async () => {
      const { origin, requests } = await script(({ socket }) => socket.write(plainAnswer("ok")));
      const transport = reach(origin);
      await send(transport);
      requests[0]?.socket.write(plainAnswer("surprise"));
      await until("it to be dropped", () => transport.stats().connections === 0);
      const seen = await send(transport);
      expect(seen.body.toString()).to.equal("ok");
      expect(transport.stats()).to.deep.equal({ connections: 1, opened: 2, replaced: 1 });
    });

    it("whose target answers before it has read the request is not used again", async () => {
      const { origin } = await startEager();
      const transport = reach(origin);
      const seen = await send(transport, { body: Buffer.alloc(64 << 20) });
      expect(seen).to.include({ status: 413, error: undefined });
      expect(transport.stats().connections).to.equal(0);
    });

    it("that does not come to stand fails in time, or with its request, or with the transport", async () => {
      const origin = await full();
      const late = await send(reach(origin, { connectTimeoutMs: 50 }));
      expect(late.error).to.include({ code: "connect_timeout", phase: "connect", message: "no connection after 0.05 s" });
      expect(late.calls).to.deep.equal(["failure"]);
      const transport = reach(origin, { connectTimeoutMs: 60_000 });
      const given = send(transport);
      const error = requestError("cancelled", "wait", "enough");
      await turn();
      given.exchange.abort(error);
      expect((await given).error).to.equal(error);
      const left = send(transport);
      await turn();
      await transport.close();
      expect((await left).error).to.include({ code: "reset", phase: "connect" });
    });

    it("that is being opened ahead is given up with the signal and with the transport", async () => {
      const origin = await full();
      const transport = reach(origin, { connectTimeoutMs: 60_000 });
      const abort = new AbortController();
      const opening = transport.open(0, 3, abort.signal);
      await turn();
      abort.abort();
      await opening;
      const closing = transport.open(0, 2, AbortSignal.timeout(20_000));
      await turn();
      await transport.close();
      await closing;
      expect(transport.stats()).to.deep.equal({ connections: 0, opened: 0, replaced: 0 });
    });
  });

  /** Answers the first byte, reads no more, and keeps the connection. */
  async function startEager(): Promise<{ origin: string }> {
    const server = await startScripted(() => {}, {
      onConnection: (socket) =>
        socket.once("data", () => {
          socket.pause();
          socket.write(plainAnswer("too large", "", "413 Content Too Large"));
        }),
    });
    harness.onClose(() => server.stop());
    return server;
  }
});
