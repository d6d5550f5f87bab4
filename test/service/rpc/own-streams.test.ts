import { expect } from "chai";
import { AssayError } from "../../../services/common/errors.ts";
import { createChannel } from "../../../services/common/rpc/channel.ts";
import { createClient } from "../../../services/common/rpc/client.ts";
import { type CallContext, implement } from "../../../services/common/rpc/handler.ts";
import type { RpcServer } from "../../../services/common/rpc/server.ts";
import { EchoService } from "../../support/gen/assay/testing/v1/echo_service_pb.js";
import { type ClientTalk, closed, Harness, type ServerTalk, settled, until } from "./harness.ts";

describe("a stream between a client and a server of one process", () => {
  const harness = new Harness();
  afterEach(() => harness.close());

  const unused = async () => ({});

  /** A server whose `Talk` is answered by callbacks, and how a client in its process calls it. Nobody could connect to it: the client has another address. */
  async function serveTalk(onStream: (stream: ServerTalk, context: CallContext) => void) {
    const handlers = { echo: unused, collect: unused, async *repeat() {}, talk: { onStream } };
    const { server } = await harness.serve({ services: [implement(EchoService, { role: "member", handlers })] });
    return { server, talk: talkTo(server) };
  }

  function talkTo(server: RpcServer): () => ClientTalk {
    const channel = createChannel({ address: "127.0.0.1:1", own: server.ownStreams });
    harness.onClose(() => channel.close());
    return () => createClient(EchoService, channel).talk();
  }

  it("carries messages both ways in order, tells both ends of the end, and is counted as a call of a member", async () => {
    let serverClosed: Promise<AssayError | undefined> | undefined;
    let roles: readonly string[] = [];
    const events: string[] = [];
    const { server, talk } = await serveTalk((stream, context) => {
      roles = context.roles;
      serverClosed = closed(stream);
      stream.onMessage(({ index }) => stream.send({ index: index * 2 }));
      stream.onEnd(() => {
        stream.send({ index: -1 });
        stream.end();
      });
    });
    const stream = talk();
    stream.onMessage(({ index }) => events.push(`message ${index}`));
    stream.onEnd(() => events.push("end"));
    stream.send({ index: 1 });
    stream.send({ index: 2 });
    expect(server.stats()).to.include({ started: 1, open: 1, openStreams: 1 });
    stream.end();
    expect(await closed(stream)).to.equal(undefined);
    expect(await serverClosed).to.equal(undefined);
    expect(events).to.deep.equal(["message 2", "message 4", "message -1", "end"]);
    expect(roles).to.deep.equal(["member"]);
    expect(server.stats()).to.deep.equal({ started: 1, succeeded: 1, failed: {}, open: 0, openStreams: 0 });
    const counts = [...server.methods()].find(({ labels }) => labels.method === "Talk");
    expect(counts).to.include({ received: 2, sent: 3 });
  });

  it("never calls a listener within the call that sends", async () => {
    let isSending = false;
    const within: string[] = [];
    const note = (who: string): void => {
      if (isSending) within.push(who);
    };
    const { talk } = await serveTalk((stream) =>
      stream.onMessage(({ index }) => {
        note("server");
        isSending = true;
        stream.send({ index });
        isSending = false;
      }),
    );
    const stream = talk();
    let received = 0;
    stream.onMessage(() => {
      note("client");
      received++;
    });
    for (let round = 0; round < 3; round++) {
      isSending = true;
      stream.send({ index: round });
      isSending = false;
      await until("the answer", () => received === round + 1);
    }
    expect(within).to.be.empty;
    stream.end();
  });

  it("ends by itself where nobody hears of its half-close", async () => {
    const { talk } = await serveTalk((stream) => stream.onMessage(() => {}));
    const stream = talk();
    stream.end();
    expect(stream.send({ index: 1 })).to.equal(false);
    expect(await closed(stream)).to.equal(undefined);
  });

  it("delivers every message of a paused reader before a good end", async () => {
    const { talk } = await serveTalk((stream) => {
      for (let index = 0; index < 50; index++) stream.send({ index });
      stream.end();
    });
    const stream = talk();
    const received: number[] = [];
    const end = closed(stream);
    stream.onMessage(({ index }) => {
      received.push(index);
      stream.pause();
      // Slower than messages come, so that some wait when the other end has ended.
      setTimeout(() => stream.resume(), 3);
    });
    expect(await end).to.equal(undefined);
    expect(received).to.deep.equal(Array.from({ length: 50 }, (_, index) => index));
  });

  it("fails with what a listener throws, at either end, and with what a handler throws at once", async () => {
    const saysNo = await serveTalk((stream) => {
      stream.onMessage(() => {
        throw new AssayError("aborted", "server says no");
      });
    });
    const stream = saysNo.talk();
    stream.onMessage(() => {});
    stream.send({ index: 1 });
    expect(await closed(stream)).to.include({ code: "aborted", message: "server says no" });
    expect(saysNo.server.stats()).to.deep.include({ failed: { aborted: 1 }, open: 0 });

    let serverClosed: Promise<AssayError | undefined> | undefined;
    const speaks = await serveTalk((talk) => {
      serverClosed = closed(talk);
      talk.send({ index: 1 });
    });
    const failing = speaks.talk();
    failing.onMessage(() => {
      throw new AssayError("data_loss", "client says no");
    });
    expect(await closed(failing)).to.include({ code: "data_loss", message: "client says no" });
    expect(await serverClosed).to.include({ code: "cancelled" });

    const refuses = await serveTalk(() => {
      throw new AssayError("not_found", "no such run");
    });
    const refused = refuses.talk();
    refused.onMessage(() => {});
    expect(await closed(refused)).to.include({ code: "not_found", message: "no such run" });
  });

  for (const direction of ["to the server", "to the client"] as const) {
    it(`tells the sender ${direction} when the reader has paused, and when it goes on`, async () => {
      const pair = Promise.withResolvers<ServerTalk>();
      const { talk } = await serveTalk((stream) => pair.resolve(stream));
      const near = talk();
      const far = await pair.promise;
      const [sender, reader] = direction === "to the server" ? [near, far] : [far, near];
      let received = 0;
      let sent = 0;
      const count = 500;
      const push = () => {
        while (sent < count) {
          sent++;
          if (!sender.send({ index: sent })) return;
        }
      };
      reader.onMessage(() => received++);
      reader.pause();
      sender.onDrain(push);
      push();
      expect(await settled("the sender", () => sent)).to.be.within(10, 64);
      reader.resume();
      await until("everything to arrive", () => received === count);
      near.cancel();
    });
  }

  it("carries the codecs of both ends as bytes, and refuses a request that is too long", async () => {
    const utf8 = { serialize: (text: string) => Buffer.from(text), deserialize: (bytes: Buffer) => bytes.toString() };
    const service = implement(EchoService, {
      role: "member",
      maxRequestBytes: 10,
      codecs: { talk: { requestDeserialize: utf8.deserialize, responseSerialize: utf8.serialize } },
      handlers: {
        echo: unused,
        collect: unused,
        async *repeat() {},
        talk: { onStream: (stream) => stream.onMessage((text) => stream.send(text.toUpperCase())) },
      },
    });
    const { server } = await harness.serve({ services: [service] });
    const codecs = { talk: { requestSerialize: utf8.serialize, responseDeserialize: utf8.deserialize } };
    const client = createClient(EchoService, createChannel({ address: "127.0.0.1:1", own: server.ownStreams }), codecs);
    const stream = client.talk();
    const replies: string[] = [];
    stream.onMessage((text) => replies.push(text));
    stream.send("shout");
    await until("the answer", () => replies.length === 1);
    expect(replies).to.deep.equal(["SHOUT"]);
    stream.send("shout louder");
    expect(await closed(stream)).to.include({ code: "resource_exhausted" });
  });

  it("ends when the server stops, and none begins any more", async () => {
    let serverClosed: Promise<AssayError | undefined> | undefined;
    const { server, talk } = await serveTalk((stream) => {
      serverClosed = closed(stream);
      stream.onMessage(() => {});
    });
    const stream = talk();
    stream.onMessage(() => {});
    await until("the call to begin", () => serverClosed !== undefined);
    await server.stop(0);
    expect(await closed(stream)).to.include({ code: "unavailable" });
    expect(await serverClosed).to.include({ code: "unavailable" });
    expect(server.ownStreams.open({ path: "/assay.testing.v1.EchoService/Talk" } as never)).to.equal(undefined);
  });

  it("is not taken for a method of another kind, nor where a call has a deadline of its own", async () => {
    const echo = await harness.serve();
    const channel = createChannel({ address: echo.address, own: echo.server.ownStreams });
    harness.onClose(() => channel.close());
    const client = createClient(EchoService, channel);
    expect(await client.echo({ text: "hello" })).to.include({ text: "hello" });

    const served = await serveTalk((stream) => stream.onMessage(() => {}));
    const late = createClient(EchoService, createChannel({ address: "127.0.0.1:1", own: served.server.ownStreams }));
    const stream = late.talk({ timeoutMs: 1 });
    stream.onMessage(() => {});
    const code = (await closed(stream))?.code;
    expect(["deadline_exceeded", "unavailable"], String(code)).to.include(code);
  });
});
