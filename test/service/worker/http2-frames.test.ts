/** HTTP/2 against servers that write their frames by hand, and keep to no rule. */
import { setImmediate as turn } from "node:timers/promises";
import { expect } from "chai";
import fc from "fast-check";
import { requestError } from "../../../endpoints/target-error.ts";
import { errorCode, frameFlag, frameType, setting } from "../../../services/worker/core/http2/frames.ts";
import { createHttp2Transport } from "../../../services/worker/transport/http2.ts";
import { Http2Connection } from "../../../services/worker/transport/http2-connection.ts";
import { Http2Exchange } from "../../../services/worker/transport/http2-exchange.ts";
import type { ResponseHandler, TargetOptions, Transport } from "../../../services/worker/transport/transport.ts";
import { Harness, until } from "../rpc/harness.ts";
import { send } from "./exchanges.ts";
import {
  dataOf,
  frame,
  headersOf,
  literals,
  ok,
  type RawConnection,
  type RawScript,
  type RawServer,
  resetOf,
  serveRaw,
  settingsOf,
  windowOf,
  words,
} from "./raw-http2.ts";

describe("transport over http2, frame by frame", () => {
  const harness = new Harness();
  afterEach(() => harness.close());

  function reach(origin: string, options: Partial<TargetOptions> = {}): Transport {
    const transport = createHttp2Transport([{ origin, connectTimeoutMs: 10_000, isPooled: true, ...options }]);
    harness.onClose(() => transport.close());
    return transport;
  }

  async function start(
    script: RawScript,
    options?: Partial<TargetOptions>,
  ): Promise<RawServer & { readonly transport: Transport }> {
    const server = await serveRaw(harness, script);
    return { ...server, transport: reach(server.origin, options) };
  }

  const goaway = (lastStream: number, code: number = errorCode.none, said = "") =>
    frame(frameType.goaway, Buffer.concat([words(lastStream, code), Buffer.from(said)]));
  const whole = (stream: number, text = "hello") => [headersOf(stream), dataOf(stream, text, true)];
  const answerAll = (stream: number, { write }: RawConnection): void => write(...whole(stream));

  describe("sends a body", () => {
    it("no faster than the windows of a target let it, however small they are", async () => {
      const sizes: number[] = [];
      let bodyBytes = 0;
      // 10 bytes a stream at first, then a few more each time, on a connection whose window is the protocol's.
      const { transport, wrong } = await start({
        begin: ({ write }) => write(settingsOf({ [setting.initialWindowSize]: 10 })),
        onData: (stream, sizeBytes, isLast, { write }) => {
          sizes.push(sizeBytes);
          bodyBytes += sizeBytes;
          if (isLast) write(...whole(stream));
          else write(windowOf(stream, 4000), windowOf(0, sizeBytes));
        },
      });
      const seen = await send(transport, { body: Buffer.alloc(1_000_000, "x") });
      expect(seen.error).to.equal(undefined);
      expect(bodyBytes).to.equal(1_000_000);
      expect(sizes.slice(0, 3)).to.deep.equal([10, 4000, 4000]);
      expect(seen.written).to.have.lengthOf(1);
      expect(wrong).to.deep.equal([]);
    });

    it("on the window of the whole connection, which many requests share, in turn", async () => {
      let waitingBytes = 0;
      const done = new Set<number>();
      const { transport } = await start({
        begin: ({ write }) => write(settingsOf({ [setting.initialWindowSize]: 1 << 20 })),
        onData: (stream, sizeBytes, isLast, { write }) => {
          waitingBytes += sizeBytes;
          if (isLast) {
            done.add(stream);
            write(...whole(stream));
          }
          if (waitingBytes < 65_535) return;
          write(windowOf(0, waitingBytes));
          waitingBytes = 0;
        },
      });
      const all = await Promise.all(Array.from({ length: 7 }, () => send(transport, { body: Buffer.alloc(65_535) })));
      expect(all.map(({ error }) => error)).to.deep.equal(all.map(() => undefined));
      expect(done.size).to.equal(7);
    });

    it("that is written only when the target has let all of it go", async () => {
      let sent = 0;
      let go = (): void => {};
      const { transport } = await start({
        begin: ({ write }) => write(settingsOf({ [setting.initialWindowSize]: 5 })),
        onData: (stream, sizeBytes, isLast, { write }) => {
          sent += sizeBytes;
          if (isLast) write(...whole(stream));
          else go = () => write(windowOf(stream, 100));
        },
      });
      const request = send(transport, { body: Buffer.from("0123456789") });
      await until("what it lets go to come", () => sent === 5);
      expect(request.exchange.isWritten).to.equal(false);
      go();
      expect((await request).written).to.have.lengthOf(1);
      expect(request.exchange.isWritten).to.equal(true);
    });

    it("that an answer which is over does not wait for, and says so to the target", async () => {
      const resets: number[] = [];
      const { transport, wrong } = await start({
        begin: ({ write }) => write(settingsOf({ [setting.initialWindowSize]: 5 })),
        onRequest: answerAll,
        onReset: (stream, code) => resets.push(stream, code),
      });
      const seen = await send(transport, { body: Buffer.from("0123456789") });
      expect(seen.error).to.equal(undefined);
      expect(seen.written).to.deep.equal([]);
      await until("the stream to be given up", () => resets.length > 0);
      expect(resets).to.deep.equal([1, errorCode.cancel]);
      expect((await send(transport, { method: "GET" })).body.toString()).to.equal("hello");
      expect(wrong).to.deep.equal([]);
    });

    it("whose window shrinks below nothing once it has grown above it again", async () => {
      const sizes: number[] = [];
      const { transport } = await start({
        begin: ({ write }) => write(settingsOf({ [setting.initialWindowSize]: 100 })),
        onData: (stream, sizeBytes, isLast, { write }) => {
          sizes.push(sizeBytes);
          // 100 were sent: a window of 20 less 100, and 90 more is 10.
          if (sizes.length === 1) write(settingsOf({ [setting.initialWindowSize]: 20 }), windowOf(stream, 90));
          else if (sizes.length === 2) write(settingsOf({ [setting.initialWindowSize]: 1000 }));
          if (isLast) write(...whole(stream));
        },
      });
      expect((await send(transport, { body: Buffer.alloc(300) })).error).to.equal(undefined);
      expect(sizes).to.deep.equal([100, 10, 190]);
    });
  });

  describe("lets a target say more", () => {
    /** More than half of the window of a connection. */
    const frames = 2200;
    const piece = Buffer.alloc(16_384, "a");
    const large = (stream: number) => [
      headersOf(stream),
      ...Array.from({ length: frames }, (_, n) => dataOf(stream, piece, n === frames - 1)),
    ];

    /** By stream; of all of them: 0. */
    async function startLarge() {
      const added = new Map<number, number>();
      const server = await start({
        onRequest: (stream, { write }) => write(...large(stream)),
        onWindow: (stream, addedBytes) => added.set(stream, (added.get(stream) ?? 0) + addedBytes),
      });
      return { ...server, added };
    }

    it("as it reads, for each stream and for all of them", async () => {
      const { transport, wrong, added } = await startLarge();
      const seen = await send(transport);
      expect(seen.error).to.equal(undefined);
      expect(seen.body.length).to.equal(frames * piece.length);
      await until("the connection's window to grow", () => (added.get(0) ?? 0) > 90 << 20);
      // All but what is not half of a window yet.
      expect(added.get(1)).to.be.above(frames * piece.length - (4 << 20));
      expect(wrong).to.deep.equal([]);
    });

    it("though its stream is over, so that the connection does not run dry", async () => {
      const { transport, wrong, added } = await startLarge();
      const error = requestError("cancelled", "stream", "enough");
      const seen = await send(transport, { onBody: (exchange) => exchange().abort(error) });
      expect(seen.error).to.equal(error);
      await until("the window to grow by what nobody wanted", () => (added.get(0) ?? 0) > 90 << 20);
      expect(wrong).to.deep.equal([]);
    });
  });

  describe("reads", () => {
    it("padding, headers in many frames, frames that it does not know, and what is ahead of the answer", async () => {
      const long = literals("x-long", "l".repeat(100), "content-type", "a/b");
      const { transport } = await start({
        onRequest: (stream, { write }) => {
          write(
            headersOf(stream, false, literals(":status", "103", "link", "x")),
            frame(frameType.headers, [2, ...ok, 0, 0], { stream, flags: frameFlag.padded }),
          );
          for (const byte of long) write(frame(frameType.continuation, [byte], { stream }));
          write(
            frame(frameType.continuation, [], { stream, flags: frameFlag.endHeaders }),
            frame(0x77, [1, 2, 3], { stream }),
            frame(frameType.priority, [0, 0, 0, 0, 1], { stream }),
            frame(frameType.data, [3, 0x61, 0x62, 0, 0, 0], { stream, flags: frameFlag.padded }),
            frame(frameType.data, [], { stream }),
            headersOf(stream, true, literals("x-trailer", "t")),
          );
        },
      });
      for (let n = 0; n < 2; n++) {
        const seen = await send(transport);
        expect(seen).to.deep.include({ error: undefined, status: 200, contentType: "a/b", body: Buffer.from("ab") });
        expect(seen.calls.filter((call) => call !== "body")).to.deep.equal(["sent", "head", "end"]);
      }
    });

    it("answers that differ in one byte of their headers as what they are", async () => {
      const { transport } = await start({
        onRequest: (stream, { write }) => {
          const status = Buffer.of(stream % 4 === 1 ? 0x88 : 0x8d);
          write(
            headersOf(stream, false, Buffer.concat([status, literals("content-type", `t/${stream % 4}`)])),
            dataOf(stream, "x", true),
          );
        },
      });
      const seen: string[] = [];
      for (let n = 0; n < 6; n++) {
        const { status, contentType } = await send(transport);
        seen.push(`${status} ${contentType}`);
      }
      expect(seen).to.deep.equal(["200 t/1", "404 t/3", "200 t/1", "404 t/3", "200 t/1", "404 t/3"]);
    });

    it("an answer without a body, and one whose length is as it said", async () => {
      const { transport } = await start({
        onRequest: (stream, { write }) => {
          if (stream === 1) write(headersOf(stream, true, Buffer.of(0x89)));
          else write(headersOf(stream, false, Buffer.concat([ok, literals("content-length", "2")])), dataOf(stream, "ab", true));
        },
      });
      expect(await send(transport)).to.include({ status: 204, error: undefined });
      expect((await send(transport)).body.toString()).to.equal("ab");
    });
  });

  describe("has a code for", () => {
    const rows: readonly {
      readonly of: string;
      onRequest?(stream: number, connection: RawConnection): void;
      readonly code: string;
      readonly phase: string;
      readonly says: RegExp;
    }[] = [
      {
        of: "fewer bytes than the answer said",
        onRequest: (stream, { write }) =>
          write(headersOf(stream, false, Buffer.concat([ok, literals("content-length", "9")])), dataOf(stream, "ab", true)),
        code: "truncated",
        phase: "stream",
        says: /said 9 bytes and has 2/,
      },
      {
        of: "more bytes than the answer said",
        onRequest: (stream, { write }) =>
          write(headersOf(stream, false, Buffer.concat([ok, literals("content-length", "1")])), dataOf(stream, "ab", true)),
        code: "truncated",
        phase: "stream",
        says: /said 1 bytes and has 2/,
      },
      {
        of: "a stream that is reset ahead of its answer",
        onRequest: (stream, { write }) => write(resetOf(stream, 11)),
        code: "reset",
        phase: "wait",
        says: /reset the stream with code 11/,
      },
      {
        of: "a stream that the target refuses",
        onRequest: (stream, { write }) => write(resetOf(stream, errorCode.refusedStream)),
        code: "reset",
        phase: "wait",
        says: /reset the stream with code 7/,
      },
      {
        of: "a stream that is reset within its answer, even for no error",
        onRequest: (stream, { write }) => write(headersOf(stream), dataOf(stream, "ab"), resetOf(stream, 0)),
        code: "reset",
        phase: "stream",
        says: /reset the stream with code 0/,
      },
      {
        of: "a connection that ends within an answer",
        onRequest: (stream, { write, socket }) => {
          write(headersOf(stream), dataOf(stream, "ab"));
          socket.end();
        },
        code: "truncated",
        phase: "stream",
        says: /closed the connection within its answer/,
      },
      {
        of: "a target that complains and leaves",
        onRequest: (stream, { write, socket }) => {
          write(goaway(stream, errorCode.enhanceYourCalm, "too_many_pings"));
          socket.end();
        },
        code: "reset",
        phase: "wait",
        says: /before its answer: it left with code 11 too_many_pings$/,
      },
      ...(
        [
          ["data ahead of its headers", (stream) => [dataOf(stream, "ab")], /data comes before its headers/],
          ["an end ahead of its headers", (stream) => [dataOf(stream, "", true)], /ends before its headers/],
          ["headers without a status", (stream) => [headersOf(stream, false, literals("a", "b"))], /has no status/],
          [
            "an end with what is ahead of an answer",
            (stream) => [headersOf(stream, true, literals(":status", "100"))],
            /no status/,
          ],
          ["a second status", (stream) => [headersOf(stream), headersOf(stream, true)], /trailers are not the end/],
          [
            "trailers that do not end it",
            (stream) => [headersOf(stream), headersOf(stream, false, literals("a", "b"))],
            /trailers/,
          ],
          ["headers that cannot be read", (stream) => [headersOf(stream, false, Buffer.of(0x80))], /there is no header 0/],
          [
            "a name in upper case",
            (stream) => [headersOf(stream, false, literals(":status", "200", "A", "b"))],
            /"A" is no header/,
          ],
          [
            "a promise",
            (stream) => [frame(frameType.pushPromise, [0, 0, 0, 2, 0x82], { stream, flags: frameFlag.endHeaders })],
            /pushes/,
          ],
          ["a stream that never began", () => [headersOf(99)], /there is no stream 99/],
          ["a stream of the target's", () => [headersOf(2)], /there is no stream 2/],
          ["a window that is too large", () => [windowOf(0, 0x7fffffff)], /its window is too large/],
          ["a stream's window that is too large", (stream) => [windowOf(stream, 0x7fffffff)], /window of a stream is too large/],
          [
            "a window for all that is too large",
            () => [settingsOf({ [setting.initialWindowSize]: 0x80000000 })],
            /its window is too large/,
          ],
          [
            "a window for all that makes a stream's too large",
            (stream) => [windowOf(stream, 0x7fffffff - 65_535), settingsOf({ [setting.initialWindowSize]: 65_540 })],
            /window of a stream is too large/,
          ],
          [
            "a size of frames that there is not",
            () => [settingsOf({ [setting.maxFrameSize]: 100 })],
            /frames may have 100 bytes/,
          ],
          [
            "a frame that is too large",
            (stream) => [headersOf(stream), dataOf(stream, Buffer.alloc(20_000))],
            /a frame has 20000 bytes/,
          ],
          ["what is no frame", () => [Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n")], /a frame has \d+ bytes/],
        ] as readonly (readonly [string, (stream: number) => readonly Buffer[], RegExp])[]
      ).map(([of, frames, says]) => ({
        of,
        onRequest: (stream: number, { write }: RawConnection) => write(...frames(stream)),
        code: "parse",
        phase: "parse",
        says,
      })),
    ];
    for (const { of, onRequest, code, phase, says } of rows) {
      it(`${of}, on a new connection and on one that was used`, async () => {
        let isGood = false;
        const { transport, open } = await start({
          onRequest: (stream, connection) => (isGood ? answerAll(stream, connection) : onRequest?.(stream, connection)),
        });
        for (const isUsed of [false, true]) {
          isGood = isUsed;
          if (isUsed) expect((await send(transport)).error).to.equal(undefined);
          isGood = false;
          const { error } = await send(transport);
          const isStale = isUsed && code === "reset" && phase === "wait" && /closed|left/.test(String(says));
          expect(error).to.include({ code: isStale ? "stale_connection" : code, phase });
          expect(error?.message).to.match(says);
        }
        isGood = true;
        expect((await send(transport)).body.toString()).to.equal("hello");
        await transport.close();
        await until("all to be closed", () => open.size === 0);
      });
    }

    const beginnings: readonly (readonly [what: string, begin: (connection: RawConnection) => void, says: RegExp])[] = [
      ["garbage instead of settings", ({ write }) => write(Buffer.alloc(100, "?")), /does not begin with its settings/],
      ["another frame instead of settings", ({ write }) => write(frame(frameType.ping, words(0, 0))), /does not begin with/],
      ["settings that are none", ({ write }) => write(frame(frameType.settings, [1])), /settings have 1 bytes/],
      ["an end instead of settings", ({ socket }) => socket.end(), /closed the connection before it stood/],
      ["a cut instead of settings", ({ socket }) => socket.resetAndDestroy(), /ECONNRESET/],
    ];
    for (const [what, begin, says] of beginnings) {
      it(what, async () => {
        const { transport, open } = await start({ begin });
        const { error } = await send(transport);
        expect(error).to.include({ code: "connect_failed", phase: "connect" });
        expect(error?.message).to.match(says);
        await until("it to be closed", () => open.size === 0);
        expect(transport.stats()).to.include({ connections: 0, opened: 0 });
      });
    }

    it("a target that says nothing", async () => {
      const { transport } = await start({ isDeaf: true, begin: () => {} }, { connectTimeoutMs: 50 });
      expect((await send(transport)).error).to.include({ code: "connect_timeout", phase: "connect" });
      expect(transport.stats()).to.include({ connections: 0, opened: 0 });
    });
  });

  describe("at a target that leaves", () => {
    it("tells requests that it has not looked at from those that it ends", async () => {
      let connection: RawConnection | undefined;
      const { transport } = await start({
        onRequest: (stream, at) => {
          if (stream === 1 && at.nth === 0) answerAll(stream, at);
          else if (at.nth > 0) answerAll(stream, at);
          else if (stream === 7) {
            connection = at;
            at.write(headersOf(5), goaway(5));
          }
        },
      });
      await send(transport);
      const three = [send(transport), send(transport), send(transport)];
      expect((await three[2])?.error).to.deep.include({ code: "stale_connection", phase: "wait" });
      // Those that come now have another connection.
      expect((await send(transport)).connection?.isReused).to.equal(false);
      expect(transport.stats().connections).to.equal(2);
      connection?.write(dataOf(5, "late", true), ...whole(3));
      expect((await Promise.all(three)).map(({ error, body }) => error?.code ?? body.toString())).to.deep.equal([
        "hello",
        "late",
        "stale_connection",
      ]);
      await until("it to be closed", () => connection?.socket.destroyed === true);
      expect(transport.stats()).to.include({ connections: 1, opened: 2 });
    });

    it("has reset for those of a new connection that it has not looked at", async () => {
      const { transport } = await start({ onRequest: (_stream, { write }) => write(goaway(0)) });
      expect((await send(transport)).error).to.include({ code: "reset", phase: "wait" });
    });

    it("is gone from it, though the target does not close it", async () => {
      let farewell: number | undefined;
      let left: RawConnection | undefined;
      const { transport, open } = await start({
        onRequest: (stream, connection) => {
          answerAll(stream, connection);
          left ??= connection;
        },
        onGoaway: (code) => (farewell ??= code),
      });
      await send(transport);
      left?.write(goaway(1));
      await until("this side to leave, too", () => open.size === 0);
      expect(farewell).to.equal(errorCode.none);
      expect(transport.stats()).to.deep.equal({ connections: 0, opened: 1, replaced: 1 });
    });

    it("ends the requests that it leaves open with the transport", async () => {
      const { transport, open } = await start({ onRequest: (stream, { write }) => write(goaway(stream)) });
      const waiting = send(transport);
      await until("the target to leave", () => transport.stats().connections === 1 && open.size === 1);
      await send(transport, { onSent: () => void setTimeout(() => transport.close(), 20) });
      expect((await waiting).error?.code).to.equal("reset");
      await until("all to be closed", () => open.size === 0);
    });
  });

  it("does not send on a connection more than the target takes, and follows it there", async () => {
    let most = 0;
    const running = new Map<number, Set<number>>();
    let connection: RawConnection | undefined;
    const { transport } = await start({
      begin: ({ write }) => write(settingsOf({ [setting.maxConcurrentStreams]: 50 })),
      onRequest: (stream, at) => {
        connection ??= at;
        const streams = running.get(at.nth) ?? new Set();
        running.set(at.nth, streams.add(stream));
        most = Math.max(most, streams.size);
        setTimeout(() => {
          streams.delete(stream);
          at.write(...whole(stream));
        }, 5);
      },
    });
    const many = (count: number) => Promise.all(Array.from({ length: count }, () => send(transport)));
    await many(20);
    expect(most).to.equal(20);
    connection?.write(settingsOf({ [setting.maxConcurrentStreams]: 3 }));
    await send(transport);
    most = 0;
    expect((await many(20)).map(({ error }) => error)).to.deep.equal(Array(20).fill(undefined));
    expect([...running.keys()].length).to.be.above(1);
    expect(most).to.be.at.most(50);
    expect(running.get(0)?.size).to.equal(0);
  });

  it("gives up a target that asks and never reads the answers", async () => {
    for (const flood of [frame(frameType.ping, words(1, 2)), settingsOf()]) {
      const { transport, open } = await start({
        isDeaf: true,
        begin: ({ write, socket }) => {
          write(settingsOf());
          const pour = (): void => {
            if (!socket.destroyed) socket.write(Buffer.concat(Array(1000).fill(flood)), () => setImmediate(pour));
          };
          setTimeout(pour, 20);
        },
      });
      const { error } = await send(transport, { body: Buffer.alloc(60_000) });
      expect(error).to.include({ code: "parse", phase: "parse" });
      expect(error?.message).to.match(/it asks and does not read/);
      await until("it to be left", () => open.size === 0);
    }
  });

  it("leaves a connection whose streams have no numbers any more, once the last of them is over", async () => {
    const seen: number[] = [];
    const server = await serveRaw(harness, {
      onRequest: (stream, connection) => {
        seen.push(stream);
        // The first is under way while the last begins.
        if (seen.length === 2) for (const each of seen) answerAll(each, connection);
      },
    });
    const told: string[] = [];
    const connection = new Http2Connection({
      options: { origin: server.origin, connectTimeoutMs: 10_000, isPooled: true },
      watcher: undefined,
      onOpen: () => told.push("open"),
      onGone: (wasIdle) => told.push(`gone ${wasIdle}`),
      onClosed: () => told.push("closed"),
      onOverflow: () => told.push("overflow"),
    });
    expect(await connection.opened()).to.equal(true);
    // A thousand million requests ahead.
    Reflect.set(Reflect.get(connection, "session"), "nextId", 0x7fff_fffd);
    const handler: ResponseHandler = {
      mayWrite: () => true,
      onSent: () => told.push("sent"),
      onWritten: () => {},
      onHead: () => {},
      onBody: () => {},
      onEnd: () => told.push("end"),
      onFailure: (_atNs, error) => told.push(error.message),
    };
    const request = { target: 0, path: "/", headers: [], body: Buffer.from("{}") };
    for (const room of [99, 0]) {
      connection.carry(new Http2Exchange(request, { shared: [":method", "POST"], own: [] }, handler, false));
      expect(connection.room).to.equal(room);
    }
    await until("it to be closed", () => told.includes("closed"));
    expect(told).to.deep.equal(["open", "gone false", "sent", "sent", "end", "end", "closed"]);
    expect(seen).to.deep.equal([0x7fff_fffd, 0x7fff_ffff]);
  });

  it("leaves no timer behind, though a ping was never answered", async () => {
    const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
    // The test has one of its own from its first pause on.
    await turn();
    const before = timers();
    const { transport } = await start({ onPing: ({ socket }) => socket.destroy() }, { pingMs: 5, pingLimitMs: 600_000 });
    expect((await send(transport)).error).to.include({ code: "reset", phase: "wait" });
    await transport.close();
    await until("the timers to end", () => timers() <= before);
  });

  it("tells nothing after a request was given up, before or after it was written", async () => {
    const { transport, wrong } = await start({ onRequest: answerAll });
    await send(transport);
    const error = requestError("cancelled", "wait", "enough");
    const before = send(transport);
    before.exchange.abort(error);
    const { calls } = await before;
    const after = await send(transport, { onSent: (exchange) => exchange().abort(error) });
    expect(after.calls).to.deep.equal(["sent", "failure"]);
    expect((await send(transport)).error).to.equal(undefined);
    // It was written by then, and its stream reset behind it.
    expect(calls).to.deep.equal(["failure"]);
    expect(before.exchange.isWritten && after.written.length > 0).to.equal(false);
    expect(transport.stats().opened).to.equal(1);
    expect(wrong).to.deep.equal([]);
  });

  it("ends every request with a code whatever a target says", async function () {
    this.timeout(120_000);
    const garbage = fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
      fc
        .record({
          type: fc.nat(10),
          flags: fc.constantFrom(0, 1, 4, 5, 8, 0x20, 0x2d),
          stream: fc.nat(4),
          payload: fc.uint8Array({ maxLength: 20 }),
        })
        .map(({ type, flags, stream, payload }) => frame(type, payload, { stream, flags })),
      fc.constantFrom(headersOf(1), headersOf(1, true), dataOf(1, "ab"), dataOf(1, "", true), windowOf(0, 5), settingsOf()),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(garbage, { minLength: 1, maxLength: 12 }), async (pieces) => {
        const { transport, open } = await start({
          onRequest: (_stream, { socket, write }) => {
            write(...pieces);
            socket.end();
          },
        });
        const seen = await Promise.all([send(transport), send(transport, { body: Buffer.alloc(100_000) })]);
        for (const { error } of seen) {
          if (error !== undefined) expect(error.code).to.be.oneOf(["parse", "reset", "truncated", "stale_connection"]);
        }
        await transport.close();
        await until("all to be closed", () => open.size === 0);
      }),
      { numRuns: 150 },
    );
  });
});
