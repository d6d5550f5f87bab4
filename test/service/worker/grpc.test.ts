/** The transport of gRPC against the built-in server's port of it, and against servers that keep to no rule. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createSecureServer, createServer, type Http2Server, type ServerHttp2Stream } from "node:http2";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { gzipSync } from "node:zlib";
import { expect } from "chai";
import { inferMessage } from "../../../endpoints/kserve/call.ts";
import { tensorOf } from "../../../endpoints/kserve/tensor/tensor.ts";
import { createTritonGenerateEndpoint } from "../../../endpoints/kserve/triton-generate.ts";
import { requestError } from "../../../endpoints/target-error.ts";
import { TransportKind } from "../../../gen/assay/common/v1/run_spec_pb.js";
import type { MockOptions } from "../../../mock/options.ts";
import { createMock } from "../../../mock/server.ts";
import { plainFrame } from "../../../services/common/grpc-compression.ts";
import { frameOf } from "../../../services/common/grpc-frames.ts";
import { createTransport } from "../../../services/worker/transport/choose.ts";
import type { GrpcOptions, TargetOptions, Transport } from "../../../services/worker/transport/transport.ts";
import { createCertWorkshop } from "../../support/certs.ts";
import { plainTurn } from "../../unit/endpoints/turns.ts";
import { Harness, until } from "../rpc/harness.ts";
import { type Seen, type SendOptions, send } from "./exchanges.ts";
import { type Answering, ends, serveHttp2, startRelay } from "./http2-server.ts";

const endpoint = createTritonGenerateEndpoint();
const { path, streamPath = "" } = endpoint;
const headers = ["content-type", "application/grpc", "x-own", "1"];
const usual: GrpcOptions = { streamPer: "request", compression: "none", deadlineSec: Number.POSITIVE_INFINITY, idHeaders: [] };

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

  const serve = (answer: Answering, server?: Http2Server): Promise<string> => serveHttp2(harness, answer, server);

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

  it("shows its certificate to a server that asks for one", async () => {
    const pair = ca.issue("localhost", "IP:127.0.0.1");
    const secure = { tlsCert: pair.certPath, tlsKey: pair.keyPath, tlsClientCa: ca.certPath };
    const origin = (await startMock(secure)).replace("grpc:", "grpcs:");
    const { cert, key } = ca.issue("client");
    const tls = { ca: ca.cert, rejectUnauthorized: true };
    const known = await send(await reach(origin, { tls: { ...tls, cert, key } }), ask("vllm_model", true));
    expect(known.error).to.equal(undefined);
    expect(parse(known, true).contentNs).to.have.lengthOf(4);
    const nobody = await send(await reach(origin, { tls }), ask("vllm_model", true));
    expect(nobody.error).to.deep.include({ code: "tls", phase: "tls" });
    expect(nobody.error?.message).to.contain("certificate required");
  });

  it("does not trust a certificate that has expired, unless it is not to look", async () => {
    const pair = ca.issueExpired("localhost");
    const origin = (await startMock({ tlsCert: pair.certPath, tlsKey: pair.keyPath })).replace("grpc:", "grpcs:");
    const tls = { ca: ca.cert, rejectUnauthorized: true };
    const { error } = await send(await reach(origin, { tls }), ask("vllm_model", true));
    expect(error).to.deep.include({ code: "tls", phase: "tls" });
    expect(error?.message).to.contain("expired");
    const trusting = await send(await reach(origin, { tls: { rejectUnauthorized: false } }), ask("vllm_model", true));
    expect(trusting.error).to.equal(undefined);
  });

  it("has a code for TLS where there is none, and for none where there is TLS", async () => {
    const pair = ca.issue("localhost", "IP:127.0.0.1");
    const plain = (await startMock()).replace("grpc:", "grpcs:");
    const tls = { ca: ca.cert, rejectUnauthorized: true };
    expect((await send(await reach(plain, { tls }), ask("vllm_model", true))).error?.code).to.be.oneOf(["tls", "connect_failed"]);
    const secure = await startMock({ tlsCert: pair.certPath, tlsKey: pair.keyPath });
    const { error } = await send(await reach(secure), ask("vllm_model", true));
    expect(error).to.include({ code: "connect_failed", phase: "connect" });
  });

  for (const compression of ["gzip", "deflate"] as const) {
    it(`compresses by ${compression} where that is asked for, and hands responses on as they were`, async () => {
      const origin = await startMock({ ttftMs: 2, itlMs: 2 });
      const plain = await send(await reach(origin), ask("vllm_model", true));
      const transport = await reach(origin, { grpc: { ...usual, compression } });
      const seen = await send(transport, ask("vllm_model", true));
      expect(seen.error).to.equal(undefined);
      expect(seen.body).to.deep.equal(plain.body);
      expect(seen.moments).to.be.greaterThan(1);
      const unary = await send(transport, ask("ensemble_unary", false));
      expect(unary.error?.code).to.equal("grpc_invalid_argument");
    });
  }

  it("sends and takes messages of any size, and has a code for one that is too large for the server", async () => {
    const long = { ...plainTurn, model: "identity_bytes", isStreaming: false };
    const text = "x".repeat(9 << 20);
    const body = Buffer.from(inferMessage({ ...long, inputs: [tensorOf("INPUT0", "BYTES", [1], [text])] }));
    const seen = await send(await reach(await startMock()), { ...ask("identity_bytes", false), body });
    expect(seen.error).to.equal(undefined);
    expect(seen.body.length).to.be.greaterThan(text.length);
    const small = await reach(await startMock({ maxBodyBytes: 1000 }));
    const { error } = await send(small, { ...ask("identity_bytes", false), body });
    expect(error).to.deep.include({ code: "grpc_resource_exhausted" });
    expect(error?.message).to.contain("a message must be of 1000 bytes at most");
  });

  it("sends what does not become smaller as it is, and says what it takes", async () => {
    let seenHead: Record<string, unknown> = {};
    let seenBody: Buffer = Buffer.alloc(0);
    const address = await serve((stream, head, body) => {
      [seenHead, seenBody] = [head, body];
      ends(stream, { "grpc-status": "0" });
    });
    const transport = await reach(`grpc://${address}`, { grpc: { ...usual, compression: "gzip" } });
    await send(transport, { path, headers: [...headers], body: Buffer.from("a") });
    expect(seenBody).to.deep.equal(frameOf(false, Buffer.from("a")));
    expect(seenHead).to.include({ "grpc-encoding": "gzip", "grpc-accept-encoding": "gzip,deflate" });
    const long = Buffer.alloc(5000, "word ");
    await send(transport, { path, headers: [...headers], body: long });
    expect(seenBody[0]).to.equal(1);
    expect(plainFrame(seenBody, "gzip")).to.deep.equal(frameOf(false, long));
  });

  it("puts messages together that come in pieces, whatever else comes between them", async () => {
    const message = randomBytes(300_000);
    const address = await serve((stream) => {
      stream.respond({ ":status": 200, "content-type": "application/grpc", "grpc-encoding": "gzip" }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      const frame = Buffer.concat([frameOf(true, gzipSync(message)), frameOf(false, message)]);
      let at = 0;
      const more = (): void => {
        stream.write(frame.subarray(at, at + 37_123));
        at += 37_123;
        if (at < frame.length) setTimeout(more, 1);
        else stream.end();
      };
      more();
    });
    const transport = await reach(`grpc://${address}`, { grpc: { ...usual, compression: "gzip" } });
    const all = await Promise.all([1, 2, 3].map(() => send(transport, { path, headers: [...headers] })));
    for (const { error, body } of all) {
      expect(error).to.equal(undefined);
      expect(body.equals(Buffer.concat([frameOf(false, message), frameOf(false, message)]))).to.equal(true);
    }
  });

  it("says what is wrong with a message that cannot be decompressed, and with one that ends early", async () => {
    const gzip: Partial<TargetOptions> = { grpc: { ...usual, compression: "gzip" } };
    const odd = await serve((stream) => ends(stream, { "grpc-status": "0" }, Buffer.of(1, 0, 0, 0, 1, 0)));
    const { error } = await send(await reach(`grpc://${odd}`, gzip), { path, headers: [...headers] });
    expect(error).to.deep.include({ code: "parse", phase: "parse" });
    const cut = await serve((stream) => ends(stream, { "grpc-status": "0" }, Buffer.of(0, 0, 0, 0, 9, 0)));
    const early = await send(await reach(`grpc://${cut}`, gzip), { path, headers: [...headers] });
    expect(early.error?.code).to.equal("truncated");
  });

  it("tells the server how long a call may take, and takes its word for the limit of the request", async () => {
    let timeout: unknown;
    const address = await serve((stream, head) => {
      timeout = head["grpc-timeout"];
      setTimeout(() => ends(stream, { "grpc-status": "4", "grpc-message": "Deadline Exceeded" }), 30);
    });
    const late = await reach(`grpc://${address}`, { grpc: { ...usual, deadlineSec: 0.02 } });
    expect((await send(late, { path, headers: [...headers] })).error).to.deep.include({
      code: "request_timeout",
      phase: "stream",
    });
    expect(timeout).to.equal("20000u");
    // Its own limit, whatever that is.
    const early = await reach(`grpc://${address}`, { grpc: { ...usual, deadlineSec: 60 } });
    expect((await send(early, { path, headers: [...headers] })).error?.code).to.equal("grpc_deadline_exceeded");
  });

  it("pings a connection with requests on it, and gives up one that does not answer", async () => {
    let pings = 0;
    let held: ServerHttp2Stream | undefined;
    const server = createServer();
    server.on("session", (session) => session.on("ping", () => pings++));
    const address = await serve((stream) => {
      held = stream;
    }, server);
    const transport = await reach(`grpc://${address}`, { pingMs: 5 });
    const asked = send(transport, { path, headers: [...headers] });
    await until("a ping", () => pings > 1);
    if (held !== undefined) ends(held, { "grpc-status": "0" });
    expect((await asked).error).to.equal(undefined);
    const relay = await startRelay(harness, address);
    const cut = await reach(`grpc://${relay.address}`, { pingMs: 20, pingLimitMs: 50 });
    const lost = send(cut, { path, headers: [...headers], onSent: () => setImmediate(relay.stop) });
    expect((await lost).error).to.deep.include({ code: "reset", message: "the target has not answered a ping for 0.05 s" });
  });
});
