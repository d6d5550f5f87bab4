import { once } from "node:events";
import net from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { expect } from "chai";
import { Health, HealthCheckResponse_ServingStatus as ServingStatus } from "../../../gen/grpc/health/v1/health_pb.js";
import type { AssayError } from "../../../services/common/errors.ts";
import { createClient } from "../../../services/common/rpc/client.ts";
import { createCertWorkshop } from "../../support/certs.ts";
import { GreedyClient } from "../../support/greedy-client.ts";
import { failureOf, gather, Harness, until } from "./harness.ts";

describe("a server's end, and its peers'", () => {
  const harness = new Harness();
  afterEach(() => harness.close());

  /** Accepts connections and never answers. */
  async function deafServer(): Promise<string> {
    const sockets: net.Socket[] = [];
    const deaf = net.createServer((socket) => sockets.push(socket)).listen(0, "127.0.0.1");
    await once(deaf, "listening");
    harness.onClose(() => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => deaf.close(resolve));
    });
    return `127.0.0.1:${(deaf.address() as net.AddressInfo).port}`;
  }

  /** Passes bytes on until it is frozen: then it keeps connections open and moves nothing. */
  async function freezableProxy(target: number): Promise<{ address: string; freeze(): void }> {
    const sockets: net.Socket[] = [];
    const proxy = net.createServer((near) => {
      const far = net.connect(target, "127.0.0.1");
      sockets.push(near, far);
      for (const socket of [near, far]) socket.on("error", () => {});
      near.pipe(far);
      far.pipe(near);
    });
    proxy.listen(0, "127.0.0.1");
    await once(proxy, "listening");
    harness.onClose(() => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => proxy.close(resolve));
    });
    return {
      address: `127.0.0.1:${(proxy.address() as net.AddressInfo).port}`,
      freeze() {
        for (const socket of sockets) socket.unpipe().pause();
      },
    };
  }

  it("lets a running stream finish and refuses new calls", async () => {
    const { client, probe, server } = await harness.serve();
    const gate = Promise.withResolvers<void>();
    probe.gate = gate.promise;
    const running = client();
    const arrived = new Promise<void>((resolve) => {
      probe.onCall = () => resolve();
    });
    const answer = running.echo({ text: "late" });
    await arrived;
    const stopped = server.stop(10_000);
    expect(await failureOf(client().echo({}))).to.include({ code: "unavailable" });
    gate.resolve();
    expect(await answer).to.include({ text: "late" });
    await stopped;
  });

  it("cuts an endless stream when the grace is over", async () => {
    const { client, probe, server } = await harness.serve();
    const ended = new Promise<void>((resolve) => {
      probe.onRepeatEnd = resolve;
    });
    const iterator = client().repeat({ count: -1 })[Symbol.asyncIterator]();
    await iterator.next();
    await server.stop(50);
    const drain = async () => {
      while (!(await iterator.next()).done);
    };
    expect(await failureOf(drain()))
      .to.have.property("code")
      .that.is.oneOf(["unavailable", "cancelled", "internal"]);
    await ended;
    expect(server.stats()).to.include({ open: 0, openStreams: 0 });
  });

  it("closes idle and silent connections at once, in clear and with TLS", async () => {
    const workshop = createCertWorkshop();
    harness.onClose(() => workshop.remove());
    const pair = workshop.ca("suite").issue("server", "IP:127.0.0.1");
    for (const tls of [undefined, pair]) {
      const { port, server, client } = await harness.serve({ tls });
      if (tls === undefined) await client().echo({});
      if (tls === undefined) await fetch(`http://127.0.0.1:${port}/nothing`).then((response) => response.text());
      const silent = net.connect(port, "127.0.0.1");
      await once(silent, "connect");
      const gone = once(silent, "close");
      silent.on("error", () => {});
      silent.resume();
      // Longer than mocha's patience: only an immediate close passes.
      await server.stop(60_000);
      await gone;
    }
  });

  it("finishes a request over HTTP/1.1 and closes its connection", async () => {
    const { address, probe, server } = await harness.serve();
    const gate = Promise.withResolvers<void>();
    probe.gate = gate.promise;
    const arrived = new Promise<void>((resolve) => {
      probe.onCall = () => resolve();
    });
    const answer = fetch(`http://${address}/assay.testing.v1.EchoService/Echo`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: '{"text":"late"}',
    });
    await arrived;
    const stopped = server.stop(60_000);
    gate.resolve();
    expect(await (await answer).json()).to.include({ text: "late" });
    await stopped;
  });

  it("tells watchers of its health and ends their streams", async () => {
    const { address, server } = await harness.serve();
    const health = createClient(Health, { address });
    harness.onClose(() => health.close());
    const seen: ServingStatus[] = [];
    const watch = async () => {
      for await (const { status } of health.watch({ service: "assay.testing.v1.EchoService" })) {
        seen.push(status);
        if (seen.length === 1) server.setHealth("assay.testing.v1.EchoService", false);
        if (seen.length === 2) server.setHealth("assay.testing.v1.EchoService", true);
        if (seen.length === 3) void server.stop(60_000);
      }
    };
    await watch();
    expect(seen).to.deep.equal([
      ServingStatus.SERVING,
      ServingStatus.NOT_SERVING,
      ServingStatus.SERVING,
      ServingStatus.NOT_SERVING,
    ]);
    await server.stop(0);
  });

  it("drops a connection that says nothing, half a preface or half a request", async () => {
    const { port } = await harness.serve({ limits: { handshakeTimeoutMs: 50 } });
    for (const text of ["", "PR", "P", "POST /x HTTP/1.1\r\nhost: "]) {
      const socket = net.connect(port, "127.0.0.1");
      socket.on("error", () => {});
      socket.resume();
      const gone = once(socket, "close");
      await once(socket, "connect");
      socket.write(text);
      await gone;
    }
  });

  it("notices a client that has gone silent", async () => {
    const echo = await harness.serve({ limits: { keepaliveTimeMs: 100, keepaliveTimeoutMs: 100 } });
    const proxy = await freezableProxy(echo.port);
    const closed = Promise.withResolvers<void>();
    echo.probe.onCall = ({ signal }) => signal.addEventListener("abort", () => closed.resolve());
    const stream = echo.client({ address: proxy.address }).talk();
    const reply = new Promise<void>((resolve) => stream.onMessage(() => resolve()));
    stream.send({ index: 1 });
    await reply;
    proxy.freeze();
    await closed.promise;
    expect(echo.server.stats().failed).to.deep.equal({ cancelled: 1 });
  });

  it("keeps a client whose answers to pings it had no time to read", async () => {
    const { address } = await harness.serve({ limits: { keepaliveTimeMs: 10, keepaliveTimeoutMs: 40 } });
    // A thread of its own answers whatever this one is at.
    const peer = new Worker(answeringPeer, { eval: true, workerData: `http://${address}` });
    harness.onClose(() => peer.terminate());
    const heard: string[] = [];
    peer.on("message", (word: string) => heard.push(word));
    const pings = (): number => heard.filter((word) => word === "pinged").length;
    await until("its connection", () => heard.includes("connected"));
    for (let turns = 0; turns < 200 && pings() < 5 && !heard.includes("closed"); turns++) {
      await turn();
      const endMs = performance.now() + 60;
      while (performance.now() < endMs);
    }
    expect(heard).to.not.include("closed");
    expect(pings()).to.be.at.least(5);
  });

  it("takes whatever comes from a client for a sign of life", async () => {
    const { port } = await harness.serve({ limits: { keepaliveTimeMs: 20, keepaliveTimeoutMs: 100 } });
    // It answers no ping.
    const client = new GreedyClient(port);
    harness.onClose(() => client.close());
    await until("its connection", () => client.maxStreams !== undefined);
    client.acknowledge();
    for (let calls = 0; calls < 20; calls++) {
      client.open("/assay.testing.v1.EchoService/Collect");
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(client.isClosed).to.equal(false);
    await until("the end of a silent connection", () => client.isClosed);
  });

  it("that has gone silent is noticed by a client, also while nothing is read", async () => {
    const echo = await harness.serve();
    const proxy = await freezableProxy(echo.port);
    const channelOptions = { "grpc.keepalive_time_ms": 100, "grpc.keepalive_timeout_ms": 100 };
    const stream = echo.client({ address: proxy.address, channelOptions }).talk();
    const closed = new Promise<AssayError | undefined>((resolve) => stream.onClose(resolve));
    const reply = new Promise<void>((resolve) => stream.onMessage(() => resolve()));
    stream.send({ index: 1 });
    await reply;
    stream.pause();
    proxy.freeze();
    expect(await closed).to.include({ code: "unavailable" });
  });

  it("that accepts connections and never answers fails calls within their deadline", async () => {
    const echo = await harness.serve();
    const address = await deafServer();
    const client = echo.client({ address });
    const attempt = `calling assay.testing.v1.EchoService/`;
    const unary = await failureOf(client.echo({}, { timeoutMs: 100 }));
    expect(unary.code).to.equal("deadline_exceeded");
    expect(unary.message).to.include(`${attempt}Echo at ${address}: `);
    const watch = await failureOf(gather(client.repeat({ count: 1 }, { openTimeoutMs: 100 })));
    expect(watch).to.include({ code: "deadline_exceeded", message: `${attempt}Repeat at ${address}: no answer within 100 ms` });
    const stream = client.talk({ openTimeoutMs: 100 });
    const closed = await new Promise<AssayError | undefined>((resolve) => stream.onClose(resolve));
    expect(closed).to.include({ code: "deadline_exceeded", message: `${attempt}Talk at ${address}: no answer within 100 ms` });
  });

  it("is waited for on request", async () => {
    const first = await harness.serve();
    await first.server.stop(0);
    const answer = first.client().echo({ text: "patient" }, { waitForReady: true });
    const second = await harness.serve({ listen: { port: first.port } });
    expect(await answer).to.include({ text: "patient" });
    await until("the call to be counted", () => second.server.stats().succeeded === 1);
  });
});

/** A client of HTTP/2 that says what becomes of its connection. */
const answeringPeer = `
  const { parentPort, workerData } = require("node:worker_threads");
  const session = require("node:http2").connect(workerData);
  session.on("error", () => {});
  session.on("connect", () => parentPort.postMessage("connected"));
  session.on("ping", () => parentPort.postMessage("pinged"));
  session.on("close", () => parentPort.postMessage("closed"));
`;
