import { expect } from "chai";
import { Health } from "../../../gen/grpc/health/v1/health_pb.js";
import { AssayError } from "../../../services/common/errors.ts";
import { createClient } from "../../../services/common/rpc/client.ts";
import type { MethodStats } from "../../../services/common/rpc/method-stats.ts";
import { FakeTracer, type KeptSpan } from "../../support/fake-tracer.ts";
import { EchoService } from "../../support/gen/assay/testing/v1/echo_service_pb.js";
import { failureOf, gather, Harness, type RunningEcho, until } from "./harness.ts";

const service = "assay.testing.v1.EchoService";

describe("a traced call", () => {
  const harness = new Harness();
  let tracer: FakeTracer;
  beforeEach(() => {
    tracer = new FakeTracer();
  });
  afterEach(() => harness.close());

  async function ended(name: string, count: number): Promise<KeptSpan[]> {
    await until(`${count} spans ${name} to end`, () => tracer.named(name).filter(({ ends }) => ends > 0).length >= count);
    return tracer.named(name);
  }

  it("is a span at each end, the server's a part of the client's, and that of what the caller is within", async () => {
    const echo = await harness.serve({ tracer });
    const outer = tracer.start("outer", { kind: "internal" });
    await outer.within(() => echo.client({ tracer }).echo({ text: "a" }));
    const [client, server] = await ended(`${service}/Echo`, 2);
    expect(client).to.include({ kind: "client", parent: "span-1", ends: 1, error: undefined });
    expect(server).to.include({ kind: "server", parent: client!.id, ends: 1, error: undefined });
    expect(client!.attributes).to.deep.equal({
      "rpc.system.name": "grpc",
      "rpc.method": `${service}/Echo`,
      "rpc.response.status_code": "OK",
      "server.address": "127.0.0.1",
      "server.port": echo.port,
    });
  });

  it("holds what its handler begins, in every shape", async () => {
    const echo = await harness.serve({ tracer });
    echo.probe.onCall = ({ method }) => tracer.start(`inside ${method}`, { kind: "internal" }).end();
    const client = echo.client();
    await client.echo({});
    await gather(client.repeat({ count: 2 }));
    await client.collect([{ number: 1 }]);
    const stream = client.talk();
    stream.onMessage(() => stream.end());
    stream.send({ index: 1 });
    for (const method of ["Echo", "Repeat", "Collect", "Talk"]) {
      const [call] = await ended(`${service}/${method}`, 1);
      const [inside] = await ended(`inside ${method}`, 1);
      expect(inside!.parent, method).to.equal(call!.id);
    }
  });

  it("over HTTP/1.1 goes on with the trace of its header", async () => {
    const echo = await harness.serve({ tracer });
    echo.probe.onCall = () => tracer.start("inside", { kind: "internal" }).end();
    const response = await fetch(`http://${echo.address}/${service}/Echo`, {
      method: "POST",
      headers: { "content-type": "application/json", traceparent: "from-curl" },
      body: "{}",
    });
    expect(response.status).to.equal(200);
    const [call] = await ended(`${service}/Echo`, 1);
    expect(call).to.include({ parent: "from-curl", ends: 1 });
    expect(call!.attributes).to.include({ "rpc.system.name": "connectrpc" });
    expect(tracer.named("inside")[0]!.parent).to.equal(call!.id);
  });

  it("is an error at both ends where the server has failed, and at the client's alone where the caller was wrong", async () => {
    const echo = await harness.serve({ tracer });
    const client = echo.client({ tracer });
    echo.probe.failure = new AssayError("internal", "broken");
    await failureOf(client.echo({}));
    echo.probe.failure = new AssayError("not_found", "no such text");
    await failureOf(client.echo({}));
    const spans = await ended(`${service}/Echo`, 4);
    const seen = spans.map(({ kind, error, attributes }) => [kind, error?.code, attributes["rpc.response.status_code"]]);
    expect(seen).to.deep.equal([
      ["client", "internal", "INTERNAL"],
      ["server", "internal", "INTERNAL"],
      ["client", "not_found", "NOT_FOUND"],
      ["server", undefined, "NOT_FOUND"],
    ]);
  });

  it("that its own side ends is no error", async () => {
    const echo = await harness.serve({ tracer });
    const stream = echo.client({ tracer }).talk();
    stream.onMessage(() => stream.cancel());
    stream.send({ index: 1 });
    const spans = await ended(`${service}/Talk`, 2);
    for (const { error, attributes } of spans) {
      expect(error).to.equal(undefined);
      expect(attributes["rpc.response.status_code"]).to.equal("CANCELLED");
    }
  });

  it("that could not be begun has ended, too", async () => {
    const echo = await harness.serve();
    const client = createClient(EchoService, { address: echo.address, tracer });
    client.close();
    await failureOf(client.echo({}));
    expect(tracer.named(`${service}/Echo`)).to.have.lengthOf(1);
    expect(tracer.spans[0]).to.include({ ends: 1 });
    expect(tracer.spans[0]!.error?.code).to.equal("unavailable");
  });

  it("of a server's health is none", async () => {
    const echo = await harness.serve({ tracer });
    const health = createClient(Health, { address: echo.address });
    harness.onClose(() => health.close());
    await health.check({});
    expect(tracer.spans).to.deep.equal([]);
  });
});

describe("the counts of a server's methods", () => {
  const harness = new Harness();
  afterEach(() => harness.close());

  function statsOf({ server }: RunningEcho, method: string): MethodStats {
    const stats = [...server.methods()].find(({ labels }) => labels.service === service && labels.method === method);
    if (stats === undefined) throw new Error(`nothing is counted of ${method}`);
    return stats;
  }

  function countsOf(stats: MethodStats) {
    const { started, openStreams, received, sent, codes, seconds } = stats;
    return { started, openStreams, received, sent, codes: Object.fromEntries(codes), timed: seconds.distribution.count };
  }

  it("have every call and message, whatever the shape of the call", async () => {
    const echo = await harness.serve();
    const client = echo.client();
    await client.echo({});
    await gather(client.repeat({ count: 3 }));
    await client.collect([{ number: 1 }, { number: 2 }]);
    const stream = client.talk();
    let answers = 0;
    stream.onMessage(() => {
      if (++answers === 2) stream.end();
    });
    for (const index of [1, 2]) stream.send({ index });
    await until("the stream to end", () => statsOf(echo, "Talk").codes.size > 0);
    const ok = { started: 1, openStreams: 0, codes: { ok: 1 }, timed: 1 };
    expect(countsOf(statsOf(echo, "Echo"))).to.deep.equal({ ...ok, received: 1, sent: 1 });
    expect(countsOf(statsOf(echo, "Repeat"))).to.deep.equal({ ...ok, received: 1, sent: 3 });
    expect(countsOf(statsOf(echo, "Collect"))).to.deep.equal({ ...ok, received: 2, sent: 1 });
    expect(countsOf(statsOf(echo, "Talk"))).to.deep.equal({ ...ok, received: 2, sent: 2 });
  });

  it("have calls over HTTP/1.1, too", async () => {
    const echo = await harness.serve();
    const call = async (method: string, body: string, type: string) => {
      const headers = { "content-type": type };
      const response = await fetch(`http://${echo.address}/${service}/${method}`, { method: "POST", headers, body });
      expect(response.status).to.equal(200);
      await response.arrayBuffer();
    };
    await call("Echo", "{}", "application/json");
    const message = JSON.stringify({ count: 2 });
    await call("Repeat", `\0\0\0\0${String.fromCharCode(message.length)}${message}`, "application/connect+json");
    const ok = { started: 1, openStreams: 0, codes: { ok: 1 }, timed: 1 };
    expect(countsOf(statsOf(echo, "Echo"))).to.deep.equal({ ...ok, received: 1, sent: 1 });
    expect(countsOf(statsOf(echo, "Repeat"))).to.deep.equal({ ...ok, received: 1, sent: 2 });
  });

  it("have the codes of those that failed, and of those that were refused", async () => {
    const echo = await harness.serve({ auth: { tokens: { v: "viewer" } } });
    echo.probe.failure = new AssayError("not_found", "no");
    await failureOf(echo.client({ token: "v" }).echo({}));
    await failureOf(echo.client().echo({}));
    expect(countsOf(statsOf(echo, "Echo"))).to.deep.include({ started: 2, codes: { not_found: 1, unauthenticated: 1 } });
  });

  it("have streams while they are open", async () => {
    const echo = await harness.serve();
    const stream = echo.client().talk();
    stream.onMessage(() => {});
    stream.send({ index: 1 });
    await until("the stream to be open", () => statsOf(echo, "Talk").received === 1);
    expect(statsOf(echo, "Talk").openStreams).to.equal(1);
    stream.cancel();
    await until("the stream to be over", () => statsOf(echo, "Talk").openStreams === 0);
    expect(countsOf(statsOf(echo, "Talk")).codes).to.deep.equal({ cancelled: 1 });
  });
});
