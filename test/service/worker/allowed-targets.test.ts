/** Where a worker and its neighbours may connect to: for each of them a server that is there and must hear nothing. */
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { expect } from "chai";
import { EndpointSpecSchema, TargetSpecSchema, TransportKind } from "../../../gen/assay/common/v1/run_spec_pb.js";
import { allowedTargets } from "../../../services/common/allowed-targets.ts";
import { createPageFetcher } from "../../../services/telemetry/sources/http.ts";
import { askQuestion } from "../../../services/worker/question.ts";
import { createLatencyProbe } from "../../../services/worker-manager/latency-probe.ts";
import { failureOf } from "../rpc/harness.ts";

describe("a target that a suite does not allow", () => {
  let server: Server;
  let port: number;
  let connections: number;
  const limits = { deadlineMs: 5_000, maxBytes: 10_000 };
  /** The name is not refused by itself: what it stands for is. */
  const elsewhere = allowedTargets(["10.0.0.0/8"]);
  const here = allowedTargets(["127.0.0.0/8", "::1"]);
  const forbidden =
    /localhost:\d+, which is [\d.:, ]*(127\.0\.0\.1|::1)[\d.:, ]*, is not among the targets of this suite \(--allow-targets\)/;

  beforeEach(async () => {
    connections = 0;
    server = createServer((socket) => {
      connections++;
      socket.on("error", () => {});
      socket.end("HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n");
    });
    server.listen(0);
    await once(server, "listening");
    port = (server.address() as AddressInfo).port;
  });
  afterEach(() => void server.close());

  const ask = (target: MessageInitShape<typeof TargetSpecSchema>, allowed = elsewhere) =>
    askQuestion(
      { method: "GET", path: "/v1/models" },
      {
        target: create(TargetSpecSchema, target),
        endpoint: create(EndpointSpecSchema, { type: "chat" }),
        endpoints: undefined,
        allowed,
      },
      10_000,
      new AbortController().signal,
    );

  const ways: readonly (readonly [string, (port: number) => Parameters<typeof ask>[0]])[] = [
    ["HTTP/1.1", (at) => ({ urls: [{ url: `http://localhost:${at}` }], transport: TransportKind.HTTP1 })],
    ["undici", (at) => ({ urls: [{ url: `http://localhost:${at}` }], transport: TransportKind.UNDICI })],
    ["undici in TLS", (at) => ({ urls: [{ url: `https://localhost:${at}` }], transport: TransportKind.UNDICI })],
    ["HTTP/2", (at) => ({ urls: [{ url: `http://localhost:${at}` }], transport: TransportKind.HTTP2 })],
    ["HTTP/2 in TLS", (at) => ({ urls: [{ url: `https://localhost:${at}` }], transport: TransportKind.HTTP2 })],
    ["gRPC", (at) => ({ urls: [{ url: `grpc://localhost:${at}` }] })],
  ];
  for (const [name, target] of ways) {
    it(`is not connected to over ${name}, whatever its name stands for by then`, async () => {
      const { error } = await ask(target(port));
      expect(error?.message).to.match(forbidden);
      expect(connections).to.equal(0);
      await ask(target(port), here);
      expect(connections, "where it is allowed").to.be.above(0);
    });
  }

  it("is not connected to through a proxy, nor a proxy", async () => {
    const proxied = {
      urls: [{ url: "http://10.0.0.1:80" }],
      transport: TransportKind.UNDICI,
      proxyUrl: `http://localhost:${port}`,
    };
    expect((await ask(proxied)).error?.message).to.match(forbidden);
    const behind = allowedTargets(["localhost"]);
    const error = await failureOf(ask(proxied, behind));
    expect([error.code, error.message]).to.deep.equal([
      "permission_denied",
      "10.0.0.1:80 is not among the targets of this suite (--allow-targets)",
    ]);
    expect(connections).to.equal(0);
  });

  it("is refused at once by its address, or as a socket", async () => {
    for (const url of [`http://127.0.0.1:${port}`, `http://[::1]:${port}`, "http://2130706433:80", "unix:/run/docker.sock"]) {
      expect((await failureOf(ask({ urls: [{ url }] }))).code, url).to.equal("permission_denied");
    }
    expect(connections).to.equal(0);
  });

  it("is not asked for its page of metrics", async () => {
    const fetcher = createPageFetcher(limits, {}, elsewhere);
    for (const url of [`http://localhost:${port}/metrics`, `http://127.0.0.1:${port}/metrics`, `https://localhost:${port}/`]) {
      expect(await fetcher.fetch(url, new AbortController().signal), url)
        .to.have.property("reason")
        .that.includes("is not among the targets of this suite (--allow-targets)");
    }
    await fetcher.close();
    expect(connections).to.equal(0);
    const other = createPageFetcher(limits, {}, here);
    await other.fetch(`http://localhost:${port}/metrics`, new AbortController().signal);
    await other.close();
    expect(connections).to.equal(1);
  });

  it("has no round trip measured", async () => {
    const probe = createLatencyProbe({ name: "", host: "localhost", port }, 5_000, elsewhere);
    expect((await probe.probe(new AbortController().signal)).reason).to.match(forbidden);
    expect(connections).to.equal(0);
    const other = createLatencyProbe({ name: "", host: "localhost", port }, 5_000, here);
    expect((await other.probe(new AbortController().signal)).reason).to.equal(undefined);
  });

  it("is not reached by a socket's path either", async () => {
    const folder = await mkdtemp(join(tmpdir(), "assay-allowed-"));
    const path = join(folder, "s.sock");
    const local = createServer((socket) => socket.end("HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")).listen(path);
    await once(local, "listening");
    try {
      const target = { urls: [{ url: `unix:${path}` }] };
      expect((await failureOf(ask(target))).message).to.include(`unix:${path} is not among the targets`);
      expect((await ask(target, allowedTargets([`unix:${path}`]))).status).to.equal(204);
    } finally {
      local.close();
      await rm(folder, { recursive: true });
    }
  });
});
