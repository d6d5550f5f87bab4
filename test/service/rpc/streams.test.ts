import { once } from "node:events";
import http2 from "node:http2";
import { expect } from "chai";
import { AssayError } from "../../../services/common/errors.ts";
import { createChannel } from "../../../services/common/rpc/channel.ts";
import { createClient } from "../../../services/common/rpc/client.ts";
import { type CallContext, implement } from "../../../services/common/rpc/handler.ts";
import type { RpcServerOptions } from "../../../services/common/rpc/server.ts";
import { EchoService } from "../../support/gen/assay/testing/v1/echo_service_pb.js";
import {
  type ClientTalk,
  closed,
  failureOf,
  gather,
  Harness,
  type RunningEcho,
  type ServerTalk,
  settled,
  until,
} from "./harness.ts";

// What a receiver that stopped reading may hold: the flow-control window, and queues of 16 messages at each end.
const WINDOW_BYTES = 4 * 1024 * 1024;
const QUEUED_MESSAGES = 64;

describe("calls and streams", () => {
  const harness = new Harness();
  afterEach(() => harness.close());

  /** A server whose `Talk` is answered by callbacks. */
  async function serveTalk(
    onStream: (stream: ServerTalk, context: CallContext) => void,
    options: Partial<RpcServerOptions> = {},
  ): Promise<RunningEcho> {
    const unused = async () => ({});
    const service = implement(EchoService, {
      role: "member",
      handlers: { echo: unused, collect: unused, async *repeat() {}, talk: { onStream } },
    });
    return harness.serve({ services: [service], ...options });
  }

  describe("of each kind", () => {
    it("answers a unary call, an optional zero apart from nothing", async () => {
      const { client } = await harness.serve();
      expect(await client().echo({ text: "hello", number: 0 })).to.include({ text: "hello", number: 0 });
      expect(await client().echo({ text: "hello" })).not.to.have.property("number");
    });

    it("streams answers in order", async () => {
      const { client } = await harness.serve();
      const messages = await gather(client().repeat({ count: 100, sizeBytes: 10 }));
      expect(messages.map(({ index }) => index)).to.deep.equal(Array.from({ length: 100 }, (_, index) => index));
    });

    it("takes a stream of requests", async () => {
      const { client } = await harness.serve();
      const numbers = Array.from({ length: 100 }, (_, index) => ({ number: index }));
      expect((await client().collect(numbers)).sum).to.equal(4950);
    });

    it("answers a bidi stream by iterables until the client half-closes", async () => {
      const { client } = await harness.serve();
      const stream = client().talk();
      const received: number[] = [];
      stream.onMessage(({ index }) => received.push(index));
      for (let index = 0; index < 5; index++) stream.send({ index });
      stream.end();
      expect(await closed(stream)).to.equal(undefined);
      expect(received).to.deep.equal([0, 1, 2, 3, 4]);
    });

    it("answers a bidi stream by callbacks, and tells both ends of its end", async () => {
      let serverClosed: Promise<AssayError | undefined> | undefined;
      const events: string[] = [];
      const echo = await serveTalk((stream) => {
        serverClosed = closed(stream);
        stream.onMessage(({ index }) => stream.send({ index: index * 2 }));
        stream.onEnd(() => {
          stream.send({ index: -1 });
          stream.end();
        });
      });
      const stream = echo.client().talk();
      stream.onMessage(({ index }) => events.push(`message ${index}`));
      stream.onEnd(() => events.push("end"));
      stream.send({ index: 1 });
      stream.send({ index: 2 });
      stream.end();
      expect(await closed(stream)).to.equal(undefined);
      expect(await serverClosed).to.equal(undefined);
      expect(events).to.deep.equal(["message 2", "message 4", "message -1", "end"]);
      expect(echo.server.stats()).to.deep.equal({ started: 1, succeeded: 1, failed: {}, open: 0, openStreams: 0 });
    });

    it("ends a callback stream that hears of no half-close by itself", async () => {
      const echo = await serveTalk((stream) => stream.onMessage(() => {}));
      const stream = echo.client().talk();
      stream.end();
      expect(await closed(stream)).to.equal(undefined);
    });

    it("delivers every message of a paused reader before a good end", async () => {
      const echo = await serveTalk((stream) => {
        for (let index = 0; index < 5; index++) stream.send({ index });
        stream.end();
      });
      const stream = echo.client().talk();
      const received: number[] = [];
      const end = closed(stream);
      stream.onMessage(({ index }) => {
        received.push(index);
        stream.pause();
        setImmediate(() => stream.resume());
      });
      expect(await end).to.equal(undefined);
      expect(received).to.deep.equal([0, 1, 2, 3, 4]);
    });

    it("fails a stream whose listener throws, at either end", async () => {
      const echo = await serveTalk((stream) => {
        stream.onMessage(() => {
          throw new AssayError("aborted", "server says no");
        });
      });
      const stream = echo.client().talk();
      stream.onMessage(() => {});
      stream.send({ index: 1 });
      expect(await closed(stream)).to.include({ code: "aborted", message: "server says no" });

      const other = await serveTalk((talk) => talk.send({ index: 1 }));
      const failing = other.client().talk();
      failing.onMessage(() => {
        throw new AssayError("data_loss", "client says no");
      });
      expect(await closed(failing)).to.include({ code: "data_loss", message: "client says no" });
    });

    it("drops what is sent after the end and says so", async () => {
      const echo = await serveTalk((stream) => stream.onMessage(() => {}));
      const stream = echo.client().talk();
      stream.end();
      expect(stream.send({ index: 1 })).to.equal(false);
      await closed(stream);
      expect(stream.send({ index: 2 })).to.equal(false);
    });

    it("carries a method's own codec in both directions", async () => {
      const utf8 = { serialize: (text: string) => Buffer.from(text), deserialize: (bytes: Buffer) => bytes.toString() };
      const unused = async () => ({});
      const service = implement(EchoService, {
        role: "member",
        codecs: { talk: { requestDeserialize: utf8.deserialize, responseSerialize: utf8.serialize } },
        handlers: {
          echo: unused,
          collect: unused,
          async *repeat() {},
          talk: { onStream: (stream) => stream.onMessage((text) => stream.send(text.toUpperCase())) },
        },
      });
      const echo = await harness.serve({ services: [service] });
      const codecs = { talk: { requestSerialize: utf8.serialize, responseDeserialize: utf8.deserialize } };
      const client = createClient(EchoService, { address: echo.address }, codecs);
      harness.onClose(() => client.close());
      const stream = client.talk();
      const reply = new Promise<string>((resolve) => stream.onMessage((text) => resolve(text)));
      stream.send("shout");
      expect(await reply).to.equal("SHOUT");
      stream.end();
    });
  });

  describe("deadlines", () => {
    it("end a call at both ends, with the deadline known to the handler", async () => {
      const { client, probe, server } = await harness.serve();
      let context: CallContext | undefined;
      probe.gate = new Promise(() => {});
      probe.onCall = (seen) => {
        context = seen;
      };
      const before = Date.now();
      const failure = await failureOf(client().echo({}, { timeoutMs: 100 }));
      expect(failure.code).to.equal("deadline_exceeded");
      expect(failure.message).to.match(/^calling assay.testing.v1.EchoService\/Echo at 127.0.0.1:\d+: /);
      await until("the server to notice", () => server.stats().open === 0);
      expect(context?.deadlineMs).to.be.within(before, Date.now() + 100);
      expect(context?.signal.reason).to.have.property("code", "deadline_exceeded");
      expect(server.stats().failed).to.deep.equal({ deadline_exceeded: 1 });
    });

    it("are not set on streams", async () => {
      const { client, probe } = await harness.serve();
      let deadlineMs: number | undefined = 0;
      probe.onCall = (context) => {
        deadlineMs = context.deadlineMs;
      };
      await gather(client().repeat({ count: 1 }));
      expect(deadlineMs).to.equal(undefined);
    });

    it("for the opening of a stream do not end one that is open and quiet", async () => {
      const opened = Promise.withResolvers<ServerTalk>();
      const echo = await serveTalk((stream) => opened.resolve(stream));
      const stream = echo.client().talk({ openTimeoutMs: 500 });
      const reply = new Promise<number>((resolve, reject) => {
        stream.onMessage(({ index }) => resolve(index));
        stream.onClose((error) => reject(error));
      });
      const far = await opened.promise;
      // Only time can show that nothing happens when it is over.
      await new Promise((resolve) => setTimeout(resolve, 600));
      far.send({ index: 7 });
      expect(await reply).to.equal(7);
      stream.end();
    });

    it("end a call over HTTP/1.1 although its handler goes on", async () => {
      const { address, probe, server } = await harness.serve();
      probe.gate = new Promise(() => {});
      const response = await fetch(`http://${address}/assay.testing.v1.EchoService/Echo`, {
        method: "POST",
        headers: { "content-type": "application/json", "connect-timeout-ms": "100" },
        body: "{}",
      });
      expect(await response.json()).to.include({ code: "deadline_exceeded" });
      expect(server.stats()).to.deep.include({ failed: { deadline_exceeded: 1 }, open: 0 });
    });
  });

  describe("cancellation", () => {
    it("of a unary call reaches its handler", async () => {
      const { client, probe, server } = await harness.serve();
      const controller = new AbortController();
      let signal: AbortSignal | undefined;
      probe.gate = new Promise(() => {});
      probe.onCall = (context) => {
        signal = context.signal;
        controller.abort(new Error("enough"));
      };
      const failure = await failureOf(client().echo({}, { signal: controller.signal }));
      expect(failure).to.include({ code: "cancelled" });
      expect(failure.cause).to.have.property("message", "enough");
      await until("the handler to hear of it", () => signal?.aborted === true);
      expect(signal?.reason).to.include({ code: "cancelled" });
      expect(server.stats().failed).to.deep.equal({ cancelled: 1 });
    });

    it("before the call makes none", async () => {
      const { client, server } = await harness.serve();
      expect(await failureOf(client().echo({}, { signal: AbortSignal.abort() }))).to.include({ code: "cancelled" });
      expect(server.stats().started).to.equal(0);
    });

    it("happens when a loop over answers is left", async () => {
      const { client, probe, server } = await harness.serve();
      const ended = new Promise<void>((resolve) => {
        probe.onRepeatEnd = resolve;
      });
      for await (const _ of client().repeat({ count: -1 })) break;
      await ended;
      await until("the call to end", () => server.stats().openStreams === 0);
      expect(server.stats().failed).to.deep.equal({ cancelled: 1 });
    });

    it("reaches a generator when an HTTP/1.1 client goes away", async () => {
      const { address, probe, server } = await harness.serve();
      const ended = new Promise<void>((resolve) => {
        probe.onRepeatEnd = resolve;
      });
      const request = Buffer.from('{"count":-1,"sizeBytes":1000}');
      const head = Buffer.alloc(5);
      head.writeUInt32BE(request.length, 1);
      const controller = new AbortController();
      const response = await fetch(`http://${address}/assay.testing.v1.EchoService/Repeat`, {
        method: "POST",
        headers: { "content-type": "application/connect+json" },
        body: Buffer.concat([head, request]),
        signal: controller.signal,
      });
      await response.body?.getReader().read();
      controller.abort();
      await ended;
      await until("the call to end", () => server.stats().open === 0);
      expect(server.stats().failed).to.deep.equal({ cancelled: 1 });
    });

    it("of a bidi stream tells both ends why", async () => {
      let serverClosed: Promise<AssayError | undefined> | undefined;
      const echo = await serveTalk((stream) => {
        serverClosed = closed(stream);
        stream.onMessage(({ index }) => stream.send({ index }));
      });
      const controller = new AbortController();
      const stream = echo.client().talk({ signal: controller.signal });
      stream.onMessage(() => controller.abort());
      const end = closed(stream);
      stream.send({ index: 1 });
      expect(await end).to.include({ code: "cancelled" });
      expect(await serverClosed).to.include({ code: "cancelled" });
    });

    it("by a request iterable that throws ends the call with what it threw", async () => {
      const { client, probe, server } = await harness.serve();
      const requests = async function* () {
        yield { number: 1 };
        await until("the first to be read", () => probe.collected === 1);
        throw new AssayError("data_loss", "the file has ended too early");
      };
      expect(await failureOf(client().collect(requests()))).to.include({ code: "data_loss" });
      await until("the server to notice", () => server.stats().failed.cancelled === 1);
    });

    it("of a stream of requests is no end of it", async () => {
      const { client, probe, server } = await harness.serve();
      const controller = new AbortController();
      const requests = async function* () {
        yield { number: 1 };
        await until("the first to be read", () => probe.collected === 1);
        controller.abort();
        await new Promise(() => {});
      };
      expect(await failureOf(client().collect(requests(), { signal: controller.signal }))).to.include({ code: "cancelled" });
      await until("the server to notice", () => server.stats().open === 0);
      expect(server.stats()).to.deep.include({ succeeded: 0, failed: { cancelled: 1 } });
    });

    it("by closing the channel fails further calls", async () => {
      const echo = await harness.serve();
      const channel = createChannel({ address: echo.address });
      const client = createClient(EchoService, channel);
      await client.echo({});
      channel.close();
      expect(await failureOf(client.echo({}))).to.include({ code: "unavailable" });
      expect(() => client.talk()).to.throw(AssayError, "calling assay.testing.v1.EchoService/Talk at");
    });
  });

  describe("back-pressure", () => {
    const SIZE_BYTES = 64 * 1024;
    const limit = WINDOW_BYTES / SIZE_BYTES + QUEUED_MESSAGES;

    it("stops a server's generator when the client does not read", async () => {
      const { client, probe } = await harness.serve();
      const iterator = client().repeat({ count: -1, sizeBytes: SIZE_BYTES })[Symbol.asyncIterator]();
      await iterator.next();
      const produced = await settled("the generator", () => probe.repeated);
      expect(produced).to.be.within(10, limit);
      for (let taken = 0; taken < produced; taken++) await iterator.next();
      await until("the generator to go on", () => probe.repeated > produced);
      await iterator.return?.();
    });

    it("stops a client's iterable when the server does not read", async () => {
      const { client, probe } = await harness.serve();
      const gate = Promise.withResolvers<void>();
      probe.collectGate = gate.promise;
      let sent = 0;
      const requests = async function* () {
        for (; sent < 500; sent++) yield { number: 1, payload: Buffer.alloc(SIZE_BYTES) };
      };
      const answer = client().collect(requests());
      expect(await settled("the iterable", () => sent)).to.be.within(10, limit);
      gate.resolve();
      expect((await answer).sum).to.equal(500);
    });

    for (const direction of ["to the server", "to the client"] as const) {
      it(`tells a message stream's sender ${direction} when the reader has paused, and when it goes on`, async () => {
        const pair = Promise.withResolvers<ServerTalk>();
        const echo = await serveTalk((stream) => pair.resolve(stream));
        const near: ClientTalk = echo.client().talk();
        const far = await pair.promise;
        const [sender, reader] = direction === "to the server" ? [near, far] : [far, near];
        let received = 0;
        let sent = 0;
        const count = 500;
        const push = () => {
          while (sent < count) {
            sent++;
            if (!sender.send({ index: sent, payload: Buffer.alloc(SIZE_BYTES) })) return;
          }
        };
        reader.onMessage(() => received++);
        reader.pause();
        sender.onDrain(push);
        push();
        expect(await settled("the sender", () => sent)).to.be.within(10, limit);
        reader.resume();
        await until("everything to arrive", () => received === count);
        near.cancel();
      });
    }

    it("lets a client push more than a mebibyte into a stream whose handler has paused", async () => {
      let received = 0;
      let resume: (() => void) | undefined;
      const echo = await serveTalk((stream) => {
        stream.onMessage(() => received++);
        stream.pause();
        resume = () => stream.resume();
      });
      const stream = echo.client().talk();
      let sent = 0;
      const push = () => {
        while (sent < 48 && stream.send({ index: sent++, payload: Buffer.alloc(SIZE_BYTES) }));
      };
      stream.onDrain(push);
      push();
      await until("3 MiB to leave the client", () => sent === 48 && stream.queued === 0);
      expect(received).to.equal(0);
      resume?.();
      await until("3 MiB to arrive", () => received === 48);
      stream.cancel();
    });

    it("has windows of 4 MiB for every stream and for the connection", async () => {
      const { address } = await harness.serve();
      const session = http2.connect(`http://${address}`);
      harness.onClose(() => session.destroy());
      const [settings] = (await once(session, "remoteSettings")) as [http2.Settings];
      expect(settings.initialWindowSize).to.equal(WINDOW_BYTES);
      await until("the connection's window", () => session.state.remoteWindowSize === WINDOW_BYTES);
    });

    it("of a stalled stream leaves other calls on the connection alone", async () => {
      const { address, probe } = await harness.serve();
      const channel = createChannel({ address });
      harness.onClose(() => channel.close());
      const iterator = createClient(EchoService, channel).repeat({ count: -1, sizeBytes: SIZE_BYTES })[Symbol.asyncIterator]();
      await iterator.next();
      await settled("the generator", () => probe.repeated);
      expect(await createClient(EchoService, channel).echo({ text: "still here" })).to.include({ text: "still here" });
      await iterator.return?.();
    });
  });

  it("refuses a message beyond the limit", async () => {
    const { client } = await harness.serve({ limits: { maxMessageBytes: 1024 } });
    expect(await failureOf(client().echo({ text: "x".repeat(2000) }))).to.include({ code: "resource_exhausted" });
  });
});
