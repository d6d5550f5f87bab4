import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { expect } from "chai";
import { requestError } from "../../../endpoints/target-error.ts";
import { monotonicNs } from "../../../services/common/clock.ts";
import type { Transport } from "../../../services/worker/transport/transport.ts";
import { createCertWorkshop } from "../../support/certs.ts";
import { Harness, until } from "../rpc/harness.ts";
import { type SendOptions, send, type TransportName, transports, transportTo } from "./exchanges.ts";
import {
  chunk,
  chunkedHead,
  lastChunk,
  plainAnswer,
  type ScriptedServer,
  type ScriptOptions,
  type SeenRequest,
  startScripted,
} from "./scripted-server.ts";

const cancelled = requestError("cancelled", "wait", "enough");

for (const name of Object.keys(transports) as TransportName[])
  describe(`transport over ${name}`, () => {
    const harness = new Harness();
    const exceptions: unknown[] = [];
    const onException = (error: unknown) => exceptions.push(error);

    before(() => {
      process.on("uncaughtExceptionMonitor", onException);
    });
    after(() => {
      process.off("uncaughtExceptionMonitor", onException);
    });
    afterEach(async () => {
      await harness.close();
      expect(exceptions).to.deep.equal([]);
    });

    async function script(answer: (request: SeenRequest) => void, options?: ScriptOptions): Promise<ScriptedServer> {
      const server = await startScripted(answer, options);
      harness.onClose(() => server.stop());
      return server;
    }

    /** What `http1` does instead is in its own test. */
    const isUndici = name === "undici";

    function reach(origin: string, options?: Parameters<typeof transportTo>[1]): Transport {
      const transport = transportTo(origin, options, name);
      harness.onClose(() => transport.close());
      return transport;
    }

    /** A server that takes connections and reads them, and never says a word: a TLS handshake with it does not end. */
    async function listenSilently(): Promise<{ origin: string; open: Set<Socket> }> {
      const server = createServer();
      const open = new Set<Socket>();
      server.on("connection", (socket) => {
        open.add(socket);
        socket
          .on("error", () => {})
          .on("close", () => open.delete(socket))
          .resume();
      });
      await once(server.listen(0, "127.0.0.1"), "listening");
      harness.onClose(() => server.close());
      return { origin: `https://127.0.0.1:${(server.address() as { port: number }).port}`, open };
    }

    describe("an answer", () => {
      it("is told in order, with its status, type and body", async () => {
        const { origin, requests } = await script(({ socket }) => socket.write(plainAnswer("hello", "", "201 Created")));
        const seen = await send(reach(origin), { body: Buffer.from('{"a":1}'), headers: ["x-request-id", "r1"] });
        expect(seen.calls).to.deep.equal(["sent", "head", "body", "end"]);
        expect(seen).to.include({ status: 201, contentType: "text/plain", error: undefined });
        expect(seen.body.toString()).to.equal("hello");
        expect(seen.connection?.isReused).to.equal(false);
        expect(seen.connection?.connectNs).to.be.greaterThan(0);
        expect(requests[0]?.head)
          .to.match(/^POST \/v1\/chat\/completions HTTP\/1\.1\r\n/)
          .and.contain("x-request-id: r1");
        expect(requests[0]?.body.toString()).to.equal('{"a":1}');
      });

      it("may be an error of the target: that is no failure of the transport", async () => {
        const { origin } = await script(({ socket }) => socket.write(plainAnswer("no", "", "503 Service Unavailable")));
        expect(await send(reach(origin))).to.include({ status: 503, error: undefined });
      });

      it("may have no body and no type", async () => {
        const { origin } = await script(({ socket }) => socket.write("HTTP/1.1 204 No Content\r\n\r\n"));
        const seen = await send(reach(origin));
        expect(seen.calls).to.deep.equal(["sent", "head", "end"]);
        expect(seen).to.include({ status: 204, contentType: "" });
      });

      it("may follow informational responses, which are not its head", async () => {
        const { origin } = await script(({ socket }) =>
          socket.write(`HTTP/1.1 103 Early Hints\r\nlink: <a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n${plainAnswer("late")}`),
        );
        const seen = await send(reach(origin));
        expect(seen.calls).to.deep.equal(["sent", "head", "body", "end"]);
        expect(seen).to.include({ status: 200, error: undefined });
      });

      it("may come byte by byte", async () => {
        const bytes = Buffer.from(`${chunkedHead}\r\n${chunk("one")}${chunk("two three")}${lastChunk}`);
        const { origin } = await script(async ({ socket }) => {
          for (const byte of bytes) {
            socket.write(Buffer.of(byte));
            await turn();
          }
        });
        const seen = await send(reach(origin));
        expect(seen).to.include({ status: 200, contentType: "text/event-stream", error: undefined });
        expect(seen.body.toString()).to.equal("onetwo three");
      });

      it("may be large", async () => {
        const body = Buffer.alloc(3 << 20, "0123456789abcdef");
        const { origin } = await script(({ socket }) => socket.write(plainAnswer(body)));
        const seen = await send(reach(origin));
        expect(seen.error).to.equal(undefined);
        expect(seen.body.equals(body)).to.equal(true);
      });

      it("may be ended by the end of the connection", async () => {
        const { origin } = await script(({ socket }) => socket.end("HTTP/1.1 200 OK\r\n\r\nall of it"));
        const seen = await send(reach(origin));
        expect(seen.error).to.equal(undefined);
        expect(seen.body.toString()).to.equal("all of it");
      });
    });

    describe("a failure", () => {
      const failures: {
        title: string;
        code: string;
        phase: string;
        answer: (request: SeenRequest) => void;
      }[] = [
        { title: "a reset before any byte", code: "reset", phase: "wait", answer: ({ socket }) => socket.resetAndDestroy() },
        { title: "a close before any byte", code: "reset", phase: "wait", answer: ({ socket }) => socket.end() },
        {
          title: "a close within the head",
          code: "reset",
          phase: "wait",
          answer: ({ socket }) => socket.end("HTTP/1.1 200 OK\r\nco"),
        },
        {
          title: "a close within a body with a length",
          code: "truncated",
          phase: "stream",
          answer: ({ socket }) => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc"),
        },
        {
          title: "a close within a body with a length, announced",
          code: "truncated",
          phase: "stream",
          answer: ({ socket }) => socket.end("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 10\r\n\r\nabc"),
        },
        {
          title: "a close between two chunks",
          code: "truncated",
          phase: "stream",
          answer: ({ socket }) => socket.end(`${chunkedHead}\r\n${chunk("abc")}`),
        },
        {
          title: "a close between two chunks, announced",
          code: "truncated",
          phase: "stream",
          answer: ({ socket }) => socket.end(`${chunkedHead}connection: close\r\n\r\n${chunk("abc")}`),
        },
        {
          title: "a close within a chunk",
          code: "truncated",
          phase: "stream",
          answer: ({ socket }) => socket.end(`${chunkedHead}\r\n10\r\nabc`),
        },
        { title: "garbage", code: "parse", phase: "parse", answer: ({ socket }) => socket.write("SSH-2.0-OpenSSH_9.7\r\n") },
        {
          title: "a head without end",
          code: "parse",
          phase: "parse",
          answer: ({ socket }) => socket.write(`HTTP/1.1 200 OK\r\n${"x: y\r\n".repeat(20_000)}`),
        },
        {
          title: "a chunk whose length is no number",
          code: "parse",
          phase: "parse",
          answer: ({ socket }) => socket.write(`${chunkedHead}\r\nxyz\r\nabc`),
        },
        ...(isUndici
          ? [
              {
                title: "a 100 that nobody asked for",
                code: "parse",
                phase: "parse",
                answer: ({ socket }: SeenRequest) => socket.write("HTTP/1.1 100 Continue\r\n\r\n"),
              },
            ]
          : []),
        {
          title: "an upgrade that nobody asked for",
          code: "parse",
          phase: "parse",
          answer: ({ socket }) => socket.write("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: foo\r\n\r\n"),
        },
      ];
      for (const isReused of [false, true]) {
        for (const { title, code, phase, answer } of failures) {
          const expected = isReused && code === "reset" ? "stale_connection" : code;
          it(`is ${expected} for ${title} on a ${isReused ? "reused" : "new"} connection`, async () => {
            const { origin, requests, connections } = await script((request) =>
              isReused && request.ordinal === 0 ? request.socket.write(plainAnswer("ok")) : answer(request),
            );
            const transport = reach(origin);
            if (isReused) await send(transport);
            const seen = await send(transport);
            expect(seen.error).to.include({ code: expected, phase });
            expect(seen.calls.at(-1)).to.equal("failure");
            expect(seen.connection?.isReused).to.equal(isReused);
            await turn();
            expect(requests).to.have.lengthOf(isReused ? 2 : 1);
            expect(connections()).to.equal(1);
          });
        }
      }

      it("keeps the body that came before a cut", async () => {
        const { origin } = await script(({ socket }) => socket.end(`${chunkedHead}\r\n${chunk("half")}`));
        const seen = await send(reach(origin));
        expect(seen.body.toString()).to.equal("half");
        expect(seen.status).to.equal(200);
      });

      it("is reset for a reset within a body", async () => {
        const { origin, requests } = await script(({ socket }) => {
          socket.write(`${chunkedHead}\r\n${chunk("half")}`);
        });
        const seen = await send(reach(origin), { onBody: () => requests[0]?.socket.resetAndDestroy() });
        expect(seen.error).to.include({ code: "reset", phase: "stream" });
        expect(seen.body.toString()).to.equal("half");
      });

      it("is connect_refused where nobody listens", async () => {
        const { origin, stop } = await startScripted(() => {});
        await stop();
        const seen = await send(reach(origin));
        expect(seen.error).to.include({ code: "connect_refused", phase: "connect" });
        expect(seen.calls).to.deep.equal(["failure"]);
      });

      it("is name_resolution for a name that there is not", async () => {
        const seen = await send(reach("http://no-such-host.invalid:80"));
        expect(seen.error).to.include({ code: "name_resolution", phase: "connect" });
      });

      if (isUndici)
        it("is connect_timeout where a connection does not come to stand", async () => {
          // It accepts and never says a word of TLS.
          const server = createServer(() => {});
          const held = new Set<Socket>();
          server.on("connection", (socket) => held.add(socket.on("error", () => {})));
          await once(server.listen(0, "127.0.0.1"), "listening");
          harness.onClose(() => {
            for (const socket of held) socket.destroy();
            server.close();
          });
          const { port } = server.address() as { port: number };
          const seen = await send(reach(`https://127.0.0.1:${port}`, { connectTimeoutMs: 100 }));
          expect(seen.error).to.include({ code: "connect_timeout", phase: "connect" });
          expect(seen.calls).to.deep.equal(["failure"]);
        });

      const unsendable: { title: string; options: SendOptions }[] = [
        { title: "a header value with a line break", options: { headers: ["x-bad", "a\r\nb"] } },
        { title: "a header name with a space", options: { headers: ["x bad", "a"] } },
        { title: "a path with a space", options: { path: "/a b" } },
        { title: "a path that is no path", options: { path: "a" } },
        { title: "a length that is not the body's", options: { headers: ["content-length", "7"] } },
        { title: "a header that is the connection's own", options: { headers: ["transfer-encoding", "chunked"] } },
        { title: "an expectation", options: { headers: ["expect", "100-continue"] } },
        { title: "a target that there is not", options: { target: 3 } },
      ];
      for (const { title, options } of unsendable) {
        it(`is unsendable for ${title}, and the next request is sent`, async () => {
          const { origin, requests } = await script(({ socket }) => socket.write(plainAnswer("ok")));
          const transport = reach(origin);
          expect((await send(transport, options)).error?.code).to.equal("unsendable");
          expect((await send(transport)).status).to.equal(200);
          expect(requests).to.have.lengthOf(1);
        });
      }

      it("is unsendable once the transport is closed", async () => {
        const { origin, connections } = await script(({ socket }) => socket.write(plainAnswer("ok")));
        const transport = reach(origin);
        await transport.close();
        expect((await send(transport)).error?.code).to.equal("unsendable");
        expect(connections()).to.equal(0);
      });

      it("is reset for requests in flight when the transport closes", async () => {
        const { origin, requests } = await script(() => {});
        const transport = reach(origin);
        const waiting = send(transport);
        await until("the request", () => requests.length === 1);
        await transport.close();
        expect((await waiting).error?.code).to.equal("reset");
        expect(transport.stats().connections).to.equal(0);
      });
    });

    describe("an abort", () => {
      it("before the connection stands ends the request at once and sends nothing", async () => {
        const { origin, requests, open } = await script(({ socket }) => socket.write(plainAnswer("ok")));
        const transport = reach(origin);
        const waiting = send(transport);
        waiting.exchange.abort(cancelled);
        const seen = await waiting;
        expect(seen.calls).to.deep.equal(["failure"]);
        expect(seen.error).to.equal(cancelled);
        await until("its connection to close", () => open.size === 0);
        expect((await send(transport)).status).to.equal(200);
        expect(requests).to.have.lengthOf(1);
      });

      if (isUndici)
        it("while the connection is being made gives that up too", async () => {
          const { origin, open } = await listenSilently();
          const waiting = send(reach(origin, { connectTimeoutMs: 60_000 }));
          await until("the connection", () => open.size === 1);
          waiting.exchange.abort(cancelled);
          expect((await waiting).error).to.equal(cancelled);
          await until("it to close", () => open.size === 0);
        });

      it("in flight closes the connection, and the next request has a new one", async () => {
        const { origin, connections, open } = await script(({ socket, ordinal }) => {
          if (connectionsSoFar() > 1 || ordinal > 0) socket.write(plainAnswer("ok"));
        });
        const connectionsSoFar = () => connections();
        const transport = reach(origin);
        const seen = await send(transport, { onSent: (exchange) => setImmediate(() => exchange().abort(cancelled)) });
        expect(seen.calls).to.deep.equal(["sent", "failure"]);
        expect(seen.error).to.equal(cancelled);
        await until("its connection to close", () => open.size === 0);
        const next = await send(transport);
        expect(next.connection?.isReused).to.equal(false);
        expect(transport.stats()).to.deep.equal({ connections: 1, opened: 2, replaced: 0 });
      });

      it("within the body ends it there: nothing is heard afterwards", async () => {
        const { origin, open } = await script(({ socket }) => {
          socket.write(`${chunkedHead}\r\n${chunk("a")}${chunk("b")}${lastChunk}`);
        });
        const seen = await send(reach(origin), { onBody: (exchange) => exchange().abort(cancelled) });
        expect(seen.calls).to.deep.equal(["sent", "head", "body", "failure"]);
        expect(seen.body.toString()).to.equal("a");
        await until("its connection to close", () => open.size === 0);
      });

      it("after the end does nothing, and the connection is kept", async () => {
        const { origin, connections } = await script(({ socket }) => socket.write(plainAnswer("ok")));
        const transport = reach(origin);
        const first = send(transport, { onEnd: (exchange) => exchange().abort(cancelled) });
        expect((await first).calls).to.deep.equal(["sent", "head", "body", "end"]);
        first.exchange.abort(cancelled);
        expect((await send(transport)).connection?.isReused).to.equal(true);
        expect(connections()).to.equal(1);
      });

      it("may come twice", async () => {
        const { origin } = await script(() => {});
        const waiting = send(reach(origin), { onSent: (exchange) => setImmediate(() => exchange().abort(cancelled)) });
        await waiting;
        waiting.exchange.abort(requestError("reset", "wait", "again"));
        expect((await waiting).calls).to.deep.equal(["sent", "failure"]);
      });

      it("is the transport's own where the request may not be written any more", async () => {
        const { origin, requests, open } = await script(({ socket }) => socket.write(plainAnswer("ok")));
        const seen = await send(reach(origin), { mayWrite: () => false });
        expect(seen.calls).to.deep.equal(["failure"]);
        expect(seen.error?.code).to.equal("fenced");
        await until("its connection to close", () => open.size === 0);
        expect(requests).to.deep.equal([]);
      });
    });

    describe("the steps of a request", () => {
      it("are those of its connection where it had to be opened, with both ends", async () => {
        const { origin, port } = await script(({ socket }) => socket.write(plainAnswer("ok")));
        const { connection, ends, written } = await send(reach(origin.replace("127.0.0.1", "localhost")));
        const { connectNs = 0, steps } = connection ?? {};
        expect(steps?.dnsNs).to.be.above(0);
        expect(steps?.tcpNs).to.be.above(0);
        expect(steps?.tlsNs).to.equal(undefined);
        expect((steps?.dnsNs ?? 0) + (steps?.tcpNs ?? 0)).to.be.at.most(connectNs);
        expect(ends?.remote).to.equal(`127.0.0.1:${port}`);
        expect(ends?.local).to.match(/^127\.0\.0\.1:\d+$/);
        expect(written).to.have.lengthOf(1);
      });

      it("have no name to resolve where the target is an address", async () => {
        const { origin } = await script(({ socket }) => socket.write(plainAnswer("ok")));
        expect((await send(reach(origin))).connection?.steps).to.include({ dnsNs: undefined, tlsNs: undefined });
      });

      it("name the ends of a connection that is used again, too, and each request's writing", async () => {
        const { origin } = await script(({ socket }) => socket.write(plainAnswer("ok")));
        const transport = reach(origin);
        const first = await send(transport);
        const second = await send(transport);
        expect(second.ends).to.deep.equal(first.ends);
        expect(second.written).to.have.lengthOf(1);
      });

      it("do not have the request written before the target takes it", async () => {
        const { promise: paused, resolve } = Promise.withResolvers<Socket>();
        const { origin } = await script(({ socket }) => socket.write(plainAnswer("ok")), {
          onConnection: (socket) => setImmediate(() => resolve(socket.pause())),
        });
        const transport = reach(origin);
        await transport.open(0, 1, AbortSignal.timeout(10_000));
        const server = await paused;
        const request = send(transport, { body: Buffer.alloc(32 << 20) });
        await until("the kernel to be full", () => request.exchange.isWritten === false);
        for (let n = 0; n < 50; n++) await turn();
        expect(request.exchange.isWritten).to.equal(false);
        const resumedNs = monotonicNs();
        server.resume();
        const { written, error } = await request;
        expect(error).to.equal(undefined);
        expect(written).to.have.lengthOf(1);
        expect(written[0]).to.be.above(resumedNs);
      });
    });

    describe("connections", () => {
      it("are used again, the warmest first", async () => {
        const { origin, connections } = await script(({ socket }) => socket.write(plainAnswer("ok")));
        const transport = reach(origin);
        await Promise.all([send(transport), send(transport), send(transport)]);
        expect(connections()).to.equal(3);
        for (let n = 0; n < 5; n++) {
          const { connection } = await send(transport);
          expect(connection).to.include({ isReused: true, connectNs: undefined, steps: undefined });
        }
        expect(connections()).to.equal(3);
        expect(transport.stats()).to.deep.equal({ connections: 3, opened: 3, replaced: 0 });
      });

      it("are never used again where that was asked for, and say so", async () => {
        const { origin, connections, open, requests } = await script(({ socket }) => socket.write(plainAnswer("ok")));
        const transport = reach(origin, { isPooled: false });
        for (let n = 0; n < 3; n++) expect((await send(transport)).connection?.isReused).to.equal(false);
        expect(connections()).to.equal(3);
        await until("all to close", () => open.size === 0);
        expect(requests[0]?.head).to.match(/connection: close/i);
        expect(transport.stats()).to.include({ connections: 0, opened: 3 });
      });

      it("of a session carry all its requests and nobody else's, and close with it", async () => {
        const { origin, connections, open } = await script(({ socket }) => socket.write(plainAnswer("ok")));
        const transport = reach(origin, { restMs: 60_000 });
        await transport.open(0, 1, AbortSignal.timeout(10_000));
        for (let turn = 0; turn < 3; turn++) {
          const seen = await Promise.all([send(transport, { session: "a" }), send(transport, { session: "b" })]);
          for (const { connection } of seen) expect(connection?.isReused).to.equal(turn > 0);
        }
        expect((await send(transport)).connection?.isReused).to.equal(false);
        expect(connections()).to.equal(3);
        transport.endSession("a");
        transport.endSession("nobody");
        await until("its connection to close", () => open.size === 2);
        expect((await send(transport, { session: "a" })).connection?.isReused).to.equal(false);
        expect((await send(transport, { session: "b" })).connection?.isReused).to.equal(true);
        expect(transport.stats()).to.deep.equal({ connections: 3, opened: 4, replaced: 0 });
      });

      it("of a session are replaced where the target has closed them between two turns", async () => {
        const { origin, connections, open } = await script(({ socket }) => socket.end(plainAnswer("ok")));
        const transport = reach(origin);
        for (let turn = 0; turn < 2; turn++) {
          expect((await send(transport, { session: "a" })).error).to.equal(undefined);
          await until("it to close", () => open.size === 0);
        }
        expect(connections()).to.equal(2);
        expect(transport.stats()).to.include({ opened: 2, replaced: 1 });
      });

      it("are opened ahead and then used: the target sees no further ones", async () => {
        const { origin, connections } = await script(({ socket }) => socket.write(plainAnswer("ok")));
        const transport = reach(origin);
        await transport.open(0, 70, AbortSignal.timeout(10_000));
        await until("them to arrive", () => connections() === 70);
        expect(transport.stats()).to.deep.equal({ connections: 70, opened: 70, replaced: 0 });
        expect(transport.spareConnections()).to.equal(70);
        const seen = await Promise.all(Array.from({ length: 70 }, () => send(transport)));
        for (const { error, connection } of seen) {
          expect(error).to.equal(undefined);
          // None has waited for its connection.
          expect(connection).to.include({ isReused: false, connectNs: undefined, steps: undefined });
        }
        expect(transport.spareConnections()).to.equal(0);
        expect(connections()).to.equal(70);
        await transport.open(0, 70, AbortSignal.timeout(10_000));
        expect(connections()).to.equal(70);
      });

      it("that cannot be opened ahead are no error: the first request meets it", async () => {
        const { origin, stop } = await startScripted(() => {});
        await stop();
        const transport = reach(origin);
        await transport.open(0, 3, AbortSignal.timeout(10_000));
        expect(transport.stats().connections).to.equal(0);
        expect((await send(transport)).error?.code).to.equal("connect_refused");
      });

      if (isUndici)
        it("that are being opened ahead are given up with the signal and with the transport", async () => {
          const { origin, open } = await listenSilently();
          const abort = new AbortController();
          const opening = reach(origin, { connectTimeoutMs: 60_000 }).open(0, 3, abort.signal);
          await until("them to arrive", () => open.size === 3);
          abort.abort();
          await opening;
          await until("them to close", () => open.size === 0);
          const transport = reach(origin, { connectTimeoutMs: 60_000 });
          const closing = transport.open(0, 2, AbortSignal.timeout(20_000));
          await until("them to arrive", () => open.size === 2);
          await transport.close();
          await closing;
          await until("them to close", () => open.size === 0);
        });

      for (const how of ["end", "resetAndDestroy"] as const) {
        it(`that the target closed between two requests (${how}) are replaced and counted, without an error`, async () => {
          const { origin, open, connections, requests } = await script(({ socket }) => socket.write(plainAnswer("ok")));
          const transport = reach(origin);
          await send(transport);
          for (const socket of open) socket[how]();
          await until("the transport to notice", () => transport.stats().connections === 0);
          const seen = await send(transport);
          expect(seen).to.include({ error: undefined, status: 200 });
          expect(seen.connection?.isReused).to.equal(false);
          expect(connections()).to.equal(2);
          expect(requests).to.have.lengthOf(2);
          expect(transport.stats()).to.deep.equal({ connections: 1, opened: 2, replaced: 1 });
        });

        it(`that the target closes in the very moment of the next request (${how}) lose nothing and repeat nothing`, async () => {
          const { origin, requests } = await script(({ socket, ordinal }) => {
            socket.write(plainAnswer("ok"));
            if (ordinal === 1) setImmediate(() => socket[how]());
          });
          const transport = reach(origin);
          const outcomes = new Map<string, number>();
          for (let n = 0; n < 200; n++) {
            const { error } = await send(transport, { body: Buffer.from(`{"n":${n}}`) });
            const outcome = error?.code ?? "ok";
            outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
          }
          const bodies = requests.map(({ body }) => body.toString());
          expect(new Set(bodies).size).to.equal(bodies.length);
          expect([...outcomes.keys()]).to.satisfy((codes: string[]) =>
            codes.every((code) => ["ok", "reset", "stale_connection"].includes(code)),
          );
          expect(outcomes.get("ok")).to.be.at.least(100);
        });

        it(`that are gone before the write (${how}), which the transport learns only then, are replaced and counted`, async () => {
          const { origin, requests } = await script(({ socket }) => socket.write(plainAnswer("ok")));
          const transport = reach(origin, { quietMs: 0 });
          await send(transport);
          // In the loop's check phase: what the socket has to say is read before the request may be written.
          await turn();
          requests[0]?.socket[how]();
          const seen = await send(transport);
          expect(seen).to.include({ error: undefined, status: 200 });
          expect(seen.connection?.isReused).to.equal(false);
          expect(requests).to.have.lengthOf(2);
          expect(transport.stats()).to.deep.equal({ connections: 1, opened: 2, replaced: 1 });
        });

        it(`opened ahead that the target closed (${how}) are replaced too`, async () => {
          const { origin, open, connections } = await script(({ socket }) => socket.write(plainAnswer("ok")));
          const transport = reach(origin);
          await transport.open(0, 2, AbortSignal.timeout(10_000));
          await until("them to arrive", () => connections() === 2);
          for (const socket of open) socket[how]();
          await until("the transport to notice", () => transport.stats().connections === 0);
          expect(await send(transport)).to.include({ error: undefined, status: 200 });
          expect(transport.stats()).to.deep.equal({ connections: 1, opened: 3, replaced: 2 });
        });
      }

      it("of a target that closes each with its answer, and says nothing, lose no request where they rest", async () => {
        // The close leaves a moment after the answer, as it does where another thread of the server is to blame.
        const { origin, connections } = await script(({ socket }) =>
          socket.write(plainAnswer("ok"), () => setImmediate(() => socket.end())),
        );
        const transport = reach(origin, { restMs: 500 });
        for (let n = 0; n < 20; n++) expect(await send(transport)).to.include({ error: undefined, status: 200 });
        expect(connections()).to.equal(20);
        await until("the last to be noticed", () => transport.stats().replaced === 20);
      });

      it("of a target that keeps one rest no more", async () => {
        const { origin, connections } = await script(({ socket }) => socket.write(plainAnswer("ok")));
        const transport = reach(origin, { restMs: 1 });
        let isReused = false;
        for (let n = 0; n < 1000 && !isReused; n++) isReused = (await send(transport)).connection?.isReused === true;
        const before = connections();
        for (let n = 0; n < 20; n++) expect((await send(transport)).connection?.isReused).to.equal(true);
        expect(connections()).to.equal(before);
      });

      it("of a target that cut a request after it had kept others rest again", async () => {
        const { origin } = await script(({ socket, ordinal }) =>
          ordinal === 1 ? socket.destroy() : socket.write(plainAnswer("ok")),
        );
        const transport = reach(origin, { restMs: 10 });
        let code: string | undefined;
        for (let n = 0; n < 10_000 && code === undefined; n++) code = (await send(transport)).error?.code;
        expect(code).to.equal("stale_connection");
        // Those that were kept before are used up first; used at once, every other request would be cut.
        let inARow = 0;
        for (let n = 0; n < 10_000 && inARow < 2; n++) inARow = (await send(transport)).error === undefined ? inARow + 1 : 0;
        expect(inARow).to.equal(2);
      });

      it("that nobody has used for longer than targets keep them are not used again, and are closed", async () => {
        const { origin, connections, open } = await script(({ socket }) => socket.write(plainAnswer("ok")));
        const transport = reach(origin, { idleMs: 0 });
        await Promise.all([send(transport), send(transport)]);
        for (let n = 0; n < 3; n++) {
          const seen = await send(transport);
          expect(seen).to.include({ error: undefined, status: 200 });
          expect(seen.connection?.isReused).to.equal(false);
        }
        expect(connections()).to.equal(5);
        await until("those before to close", () => open.size === 1);
        // None of them was closed by the target.
        expect(transport.stats()).to.deep.equal({ connections: 1, opened: 5, replaced: 0 });
      });

      it("opened ahead wait for their first request however long", async () => {
        const { origin, connections } = await script(({ socket }) => socket.write(plainAnswer("ok")));
        const transport = reach(origin, { idleMs: 0 });
        await transport.open(0, 2, AbortSignal.timeout(10_000));
        await Promise.all([send(transport), send(transport)]);
        expect(connections()).to.equal(2);
      });

      it("that end with their answer are not used again", async () => {
        const { origin, connections } = await script(({ socket }) => socket.end(plainAnswer("ok", "connection: close\r\n")));
        const transport = reach(origin);
        for (let n = 0; n < 3; n++) expect(await send(transport)).to.include({ error: undefined, status: 200 });
        expect(connections()).to.equal(3);
      });

      it("carry a request made in the end of another one", async () => {
        const { origin } = await script(({ socket, ordinal }) =>
          ordinal % 2 === 0 ? socket.write(plainAnswer("ok")) : socket.end(plainAnswer("ok", "connection: close\r\n")),
        );
        const transport = reach(origin);
        const all: Promise<unknown>[] = [];
        const again = (left: number): void => {
          if (left > 0)
            all.push(send(transport, { onEnd: () => again(left - 1) }).then(({ error }) => expect(error).to.equal(undefined)));
        };
        again(10);
        while (all.length < 10) await turn();
        await Promise.all(all);
      });

      it("stay as many as there are requests at once, over thousands of requests, each sent once", async () => {
        const { origin, requests, connections } = await script(({ socket }) => socket.write(plainAnswer("ok")));
        const transport = reach(origin);
        let next = 0;
        const work = async (): Promise<void> => {
          while (next < 3000) {
            const seen = await send(transport, { body: Buffer.from(String(next++)) });
            expect(seen.error).to.equal(undefined);
          }
        };
        await Promise.all(Array.from({ length: 64 }, work));
        expect(connections()).to.equal(64);
        expect(transport.stats()).to.deep.equal({ connections: 64, opened: 64, replaced: 0 });
        expect(new Set(requests.map(({ body }) => body.toString())).size).to.equal(requests.length);
        await transport.close();
        expect(transport.stats().connections).to.equal(0);
      });

      it("go to each target of a run apart", async () => {
        const servers = await Promise.all(["a", "b"].map((name) => script(({ socket }) => socket.write(plainAnswer(name)))));
        const transport = transports[name](servers.map(({ origin }) => ({ origin, connectTimeoutMs: 1000, isPooled: true })));
        harness.onClose(() => transport.close());
        for (const target of [0, 1, 1, 0]) {
          expect((await send(transport, { target })).body.toString()).to.equal("ab"[target]);
        }
        expect(servers.map(({ requests }) => requests.length)).to.deep.equal([2, 2]);
        expect(transport.stats().connections).to.equal(2);
      });

      it("reach Unix sockets", async () => {
        const folder = await mkdtemp(join(tmpdir(), "assay-socket-"));
        harness.onClose(() => rm(folder, { recursive: true }));
        const socketPath = join(folder, "server.sock");
        const server = await script(({ socket }) => socket.write(plainAnswer("local")), { socketPath });
        const transport = reach("http://localhost", { socketPath });
        await transport.open(0, 1, AbortSignal.timeout(10_000));
        for (let n = 0; n < 3; n++) expect((await send(transport)).body.toString()).to.equal("local");
        expect(server.connections()).to.equal(1);
        expect(server.requests[0]?.head).to.match(/^host: localhost$/im);
        const nobody = await send(reach("http://localhost", { socketPath: join(folder, "nobody.sock") }));
        expect(nobody.error).to.include({ code: "connect_failed", phase: "connect" });
        await server.stop();
        expect((await send(reach("http://localhost", { socketPath }))).error?.phase).to.equal("connect");
      });

      it("reach IPv6 addresses", async function () {
        const server = await script(({ socket }) => socket.write(plainAnswer("six")), { host: "::1" }).catch(
          (error: { code?: string }) => {
            if (error.code !== "EADDRNOTAVAIL" && error.code !== "EAFNOSUPPORT") throw error;
          },
        );
        // A machine without IPv6 cannot show it.
        if (server === undefined) return this.skip();
        const transport = reach(server.origin);
        await transport.open(0, 1, AbortSignal.timeout(10_000));
        expect((await send(transport)).body.toString()).to.equal("six");
        expect(server.connections()).to.equal(1);
        expect(server.requests[0]?.head).to.contain(`host: [::1]:${server.port}`);
      });
    });

    if (isUndici)
      describe("TLS", () => {
        const workshop = createCertWorkshop();
        const ca = workshop.ca("Test CA");
        const pair = ca.issue("localhost", "DNS:localhost", "IP:127.0.0.1");
        after(() => workshop.remove());

        it("is spoken with targets whose certificate is trusted, on kept connections too", async () => {
          const { origin, connections } = await script(({ socket }) => socket.write(plainAnswer("secret")), { tls: pair });
          const transport = reach(origin, { tls: { ca: ca.cert, rejectUnauthorized: true } });
          await transport.open(0, 1, AbortSignal.timeout(10_000));
          for (let n = 0; n < 3; n++) expect((await send(transport)).body.toString()).to.equal("secret");
          expect(connections()).to.equal(1);
        });

        it("is a step of its own of opening a connection, and every request has its writing", async () => {
          const { origin } = await script(({ socket }) => socket.write(plainAnswer("secret")), { tls: pair });
          const transport = reach(origin, { tls: { ca: ca.cert, rejectUnauthorized: true } });
          const { connection, written } = await send(transport);
          const { connectNs = 0, steps } = connection ?? {};
          expect(steps?.tlsNs).to.be.above(0);
          expect((steps?.tcpNs ?? 0) + (steps?.tlsNs ?? 0)).to.be.at.most(connectNs);
          expect(written).to.have.lengthOf(1);
          const large = await send(transport, { body: Buffer.alloc(4 << 20) });
          expect([large.error, large.written.length]).to.deep.equal([undefined, 1]);
        });

        it("replaces kept connections that the target closed", async () => {
          const { origin, open } = await script(({ socket }) => socket.write(plainAnswer("secret")), { tls: pair });
          const transport = reach(origin, { tls: { ca: ca.cert, rejectUnauthorized: true } });
          await send(transport);
          for (const socket of open) socket.end();
          await until("the transport to notice", () => transport.stats().connections === 0);
          expect(await send(transport)).to.include({ error: undefined, status: 200 });
        });

        it("fails as tls where the certificate is nobody's, of another name, or the target speaks plain", async () => {
          const { origin } = await script(({ socket }) => socket.write(plainAnswer("x")), { tls: pair });
          const plain = await script(({ socket }) => socket.write(plainAnswer("x")), {
            onConnection: (socket) => socket.write(plainAnswer("x")),
          });
          const nobodys = await send(reach(origin, { tls: { rejectUnauthorized: true } }));
          expect(nobodys.error).to.include({ code: "tls", phase: "tls" });
          const another = await send(reach(origin, { tls: { ca: ca.cert, servername: "other.test", rejectUnauthorized: true } }));
          expect(another.error).to.include({ code: "tls", phase: "tls" });
          const spoken = await send(reach(plain.origin.replace("http:", "https:"), { tls: { rejectUnauthorized: false } }));
          expect(spoken.error).to.include({ code: "tls", phase: "tls" });
        });

        it("is not verified where that was asked for", async () => {
          const { origin } = await script(({ socket }) => socket.write(plainAnswer("x")), { tls: pair });
          expect(await send(reach(origin, { tls: { rejectUnauthorized: false } }))).to.include({ error: undefined, status: 200 });
        });

        it("fails as tls where the target wants a certificate and gets none", async () => {
          const { origin } = await script(({ socket }) => socket.write(plainAnswer("x")), {
            tls: { ...pair, ca: ca.cert, requestCert: true, rejectUnauthorized: true },
          });
          const none = await send(reach(origin, { tls: { ca: ca.cert, rejectUnauthorized: true } }));
          expect(none.error?.code).to.be.oneOf(["tls", "reset"]);
          const own = ca.issue("client", "DNS:client");
          const shown = await send(
            reach(origin, { tls: { ca: ca.cert, cert: own.cert, key: own.key, rejectUnauthorized: true } }),
          );
          expect(shown).to.include({ error: undefined, status: 200 });
        });
      });
  });
