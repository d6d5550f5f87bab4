/** The transport of gRPC against the built-in server's port of it, and against servers that keep to no rule. */
import { once } from "node:events";
import { createSecureServer, createServer, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { expect } from "chai";
import { createTritonGenerateEndpoint } from "../../../endpoints/kserve/triton-generate.ts";
import { requestError } from "../../../endpoints/target-error.ts";
import { TransportKind } from "../../../gen/assay/common/v1/run_spec_pb.js";
import type { MockOptions } from "../../../mock/options.ts";
import { createMock } from "../../../mock/server.ts";
import { createTransport } from "../../../services/worker/transport/choose.ts";
import type { TargetOptions, Transport } from "../../../services/worker/transport/transport.ts";
import { createCertWorkshop } from "../../support/certs.ts";
import { plainTurn } from "../../unit/endpoints/turns.ts";
import { Harness, until } from "../rpc/harness.ts";
import { type Seen, type SendOptions, send } from "./exchanges.ts";

const endpoint = createTritonGenerateEndpoint();
const { path, streamPath = "" } = endpoint;
const headers = ["content-type", "application/grpc", "x-own", "1"];

describe("transport over gRPC", () => {
  const harness = new Harness();
  const workshop = createCertWorkshop();
  const ca = workshop.ca("Test CA");
  after(() => workshop.remove());
  afterEach(() => harness.close());

  async function reach(origin: string, options: Partial<TargetOptions> = {}): Promise<Transport> {
    const target = { origin, connectTimeoutMs: 10_000, isPooled: true, ...options };
    const transport = await createTransport([target], TransportKind.AUTO);
    harness.onClose(() => transport.close());
    return transport;
  }

  async function startMock(options: Partial<MockOptions> = {}): Promise<string> {
    const mock = await createMock({ grpcPort: 0, ...options });
    harness.onClose(() => mock.stop());
    return `grpc://${mock.grpcAddress}`;
  }

  /** A server of HTTP/2 that answers as it is told; the stream's errors are its own. */
  async function serve(
    answer: (stream: ServerHttp2Stream, headers: Record<string, unknown>, body: Buffer) => void,
    server: Http2Server = createServer(),
  ): Promise<string> {
    const sessions = new Set<ServerHttp2Session>();
    server.on("session", (session) => sessions.add(session.on("error", () => {})));
    server.on("stream", (stream, head) => {
      const chunks: Buffer[] = [];
      stream.on("error", () => {});
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => answer(stream, head, Buffer.concat(chunks)));
    });
    await once(server.listen(0, "127.0.0.1"), "listening");
    harness.onClose(() => {
      for (const session of sessions) session.destroy();
      server.close();
    });
    return `127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  const ask = (model: string, isStreaming: boolean, tokens = 4): SendOptions => ({
    path: isStreaming ? streamPath : path,
    headers: [...headers],
    body: Buffer.from(endpoint.formatBody({ ...plainTurn, model, isStreaming, maxOutputTokens: tokens })),
  });

  const parse = ({ status, contentType, body }: Seen, isStreaming: boolean) =>
    endpoint.parse({
      status,
      contentType,
      payload: body,
      readEnds: Uint32Array.of(body.length),
      readNs: Float64Array.of(1),
      isStreaming,
    });

  const ends = (stream: ServerHttp2Stream, trailers: Record<string, string>, body = Buffer.alloc(5)): void => {
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers(trailers));
    stream.end(body);
  };

  it("makes a stream of a request, tells its messages as they come and ends where the call does", async () => {
    const transport = await reach(await startMock({ ttftMs: 5, itlMs: 5 }));
    const seen = await send(transport, ask("vllm_model", true));
    expect(seen.error).to.equal(undefined);
    expect(seen).to.include({ status: 200, contentType: "application/grpc" });
    expect(seen.calls.filter((call) => call !== "body")).to.deep.equal(["sent", "head", "end"]);
    expect(seen.moments).to.be.greaterThan(1);
    expect(seen.written).to.have.lengthOf(1);
    const parsed = parse(seen, true);
    expect(parsed.error).to.equal(undefined);
    expect(parsed.contentNs).to.have.lengthOf(4);
  });

  it("frames the message, sends metadata and no length, and keeps to one connection", async () => {
    let seenHead: Record<string, unknown> = {};
    let seenBody: Buffer = Buffer.alloc(0);
    const address = await serve((stream, head, body) => {
      [seenHead, seenBody] = [head, body];
      ends(stream, { "grpc-status": "0" });
    });
    const transport = await reach(`grpc://${address}`);
    await transport.open(0, 3, AbortSignal.timeout(10_000));
    expect(transport.stats()).to.deep.equal({ connections: 1, opened: 1, replaced: 0 });
    const body = Buffer.from("a message");
    const seen = await send(transport, { path, headers: [...headers], body });
    expect(seen).to.deep.include({ error: undefined, body: Buffer.alloc(5) });
    expect(seen.connection?.isReused).to.equal(false);
    expect((await send(transport, { path, headers: [...headers], body })).connection?.isReused).to.equal(true);
    expect(seenHead).to.include({ ":method": "POST", ":path": path, te: "trailers", "x-own": "1", ":authority": address });
    expect(seenHead).to.not.have.property("content-length");
    expect(seenBody).to.deep.equal(Buffer.concat([Buffer.from([0, 0, 0, 0, body.length]), body]));
  });

  it("has the status of a call that fails as its error, with its words", async () => {
    const transport = await reach(await startMock());
    const unary = await send(transport, ask("vllm_model", false));
    expect(unary.error).to.deep.include({ code: "grpc_unimplemented", phase: "wait" });
    expect(unary.error?.message).to.contain("decoupled transaction policy");
    expect((await send(transport, ask("nobody", false))).error).to.deep.include({
      code: "grpc_not_found",
      message: "grpc status 5: Request for unknown model: 'nobody' is not found",
    });
    // In a stream it is a message.
    const streamed = await send(transport, ask("nobody", true));
    expect(streamed.error).to.equal(undefined);
    expect(parse(streamed, true).error).to.deep.include({ code: "in_band_error" });
    const other = await send(transport, { ...ask("vllm_model", true), path: "/other.Service/Call" });
    expect(other.error?.code).to.equal("grpc_unimplemented");
  });

  it("has a status behind messages as an error of the stream, and what came before it", async () => {
    const address = await serve((stream) => ends(stream, { "grpc-status": "14", "grpc-message": "going%20away%3A %C3%BC" }));
    const seen = await send(await reach(`grpc://${address}`), { path, headers: [...headers] });
    expect(seen.error).to.deep.equal({ code: "grpc_unavailable", phase: "stream", message: "grpc status 14: going away: ü" });
    expect(seen.body).to.have.lengthOf(5);
  });

  it("is truncated without a status, reset where the call is, and of HTTP where something else answers", async () => {
    const withoutStatus = await serve((stream) => ends(stream, { other: "1" }));
    const seen = await send(await reach(`grpc://${withoutStatus}`), { path, headers: [...headers] });
    expect(seen.error).to.deep.equal(requestError("truncated", "stream", "the call ended without a status"));
    for (const [kind, code] of [
      ["cut", "truncated"],
      ["reset-midway", "reset"],
    ] as const) {
      const transport = await reach(await startMock({ failures: { [kind]: 1 } }));
      expect((await send(transport, ask("vllm_model", true))).error?.code, kind).to.equal(code);
    }
    const page = await serve((stream) => {
      stream.respond({ ":status": 502, "content-type": "text/html" });
      stream.end("<html>no</html>");
    });
    const html = await send(await reach(`grpc://${page}`), { path, headers: [...headers] });
    expect(html).to.deep.include({ status: 502, error: undefined });
    expect(parse(html, false).error?.code).to.equal("http_5xx");
  });

  it("resets the call of a request that is given up, and leaves its connection to the others", async () => {
    let resets = 0;
    const address = await serve((stream, head) => {
      if (head["x-own"] === "ok") {
        ends(stream, { "grpc-status": "0" });
        return;
      }
      stream.respond({ ":status": 200, "content-type": "application/grpc" });
      stream.write(Buffer.alloc(5));
      stream.on("aborted", () => resets++);
    });
    const transport = await reach(`grpc://${address}`);
    const cancelled = requestError("cancelled", "stream", "enough");
    const seen = await send(transport, { path, headers: [...headers], onBody: (exchange) => exchange().abort(cancelled) });
    expect(seen.error).to.deep.equal(cancelled);
    await until("the reset", () => resets === 1);
    const next = await send(transport, { path, headers: ["content-type", "application/grpc", "x-own", "ok"] });
    expect(next.error).to.equal(undefined);
    expect(next.connection?.isReused).to.equal(true);
  });

  it("says what a server is that is not there, dies, or does not speak HTTP/2", async () => {
    const silent = createTcpServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n", () => socket.destroy()));
    await once(silent.listen(0, "127.0.0.1"), "listening");
    harness.onClose(() => silent.close());
    const { port } = silent.address() as AddressInfo;
    const odd = await send(await reach(`grpc://127.0.0.1:${port}`), { path, headers: [...headers] });
    expect(odd.error?.phase).to.equal("connect");
    silent.close();
    await once(silent, "close");
    const nobody = await send(await reach(`grpc://127.0.0.1:${port}`), { path, headers: [...headers] });
    expect(nobody.error?.code).to.equal("connect_refused");
    const dying = await serve((stream) => {
      stream.respond({ ":status": 200, "content-type": "application/grpc" });
      stream.write(Buffer.alloc(5), () => stream.session?.destroy());
    });
    const dead = await send(await reach(`grpc://${dying}`), { path, headers: [...headers] });
    expect(dead.error?.code).to.be.oneOf(["truncated", "reset"]);
  });

  it("speaks TLS to grpcs, as the run's options of it say", async () => {
    const pair = ca.issue("localhost", "DNS:localhost", "IP:127.0.0.1");
    const address = await serve((stream) => ends(stream, { "grpc-status": "0" }), createSecureServer(pair));
    const trusting = await reach(`grpcs://${address}`, { tls: { ca: ca.cert, rejectUnauthorized: true } });
    const seen = await send(trusting, { path, headers: [...headers] });
    expect(seen.error).to.equal(undefined);
    expect(seen.connection?.steps?.tlsNs).to.be.greaterThan(0);
    expect((await send(await reach(`grpcs://${address}`), { path, headers: [...headers] })).error?.code).to.equal("tls");
  });
});
