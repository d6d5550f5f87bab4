import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { WorkerService } from "../../../gen/assay/worker/v1/worker_service_pb.js";
import { createMock, type Mock } from "../../../mock/server.ts";
import { decodeReads } from "../../../services/common/chunk-stamps.ts";
import { silentLogger } from "../../../services/common/logger.ts";
import { createClient } from "../../../services/common/rpc/client.ts";
import { createRpcServer } from "../../../services/common/rpc/server.ts";
import { createWorkerService, type WorkerServiceDeps } from "../../../services/worker/service.ts";
import type { WorkerRun } from "../../../services/worker/worker-run.ts";
import { createCertWorkshop } from "../../support/certs.ts";
import { failureOf, Harness, until } from "../rpc/harness.ts";
import { plainAnswer, startScripted } from "./scripted-server.ts";

const turn = { messages: [{ role: "user", content: "hello" }], maxOutputTokens: 8, inputTokens: 2 };

describe("worker service", () => {
  const harness = new Harness();
  let mock: Mock;

  beforeEach(async () => {
    mock = await createMock();
    harness.onClose(() => mock.stop());
  });
  afterEach(() => harness.close());

  async function serve(deps: Partial<WorkerServiceDeps> = {}) {
    const service = createWorkerService({ workerId: () => "w1", current: () => undefined, usage: () => undefined, ...deps });
    const server = createRpcServer({ services: [service], listen: {}, auth: { insecure: true }, log: silentLogger });
    const { address } = await server.start();
    const client = createClient(WorkerService, { address });
    harness.onClose(() => server.stop(0));
    harness.onClose(() => client.close());
    return client;
  }

  it("sends one request and answers with all that was seen", async () => {
    const client = await serve();
    const { record } = await client.sendOne({ target: { urls: [{ url: mock.url }] }, turn, model: "mock" });
    expect(record).to.include({ status: 200, contentType: "application/json", model: "mock", isStreaming: false });
    expect(record?.error).to.equal(undefined);
    expect(record?.workerId).to.equal("w1");
    const answer = JSON.parse(Buffer.from(record?.payload ?? []).toString());
    expect(answer.usage.completion_tokens).to.equal(8);
    expect(record?.endNs).to.be.at.least(record?.firstByteNs ?? Number.POSITIVE_INFINITY);
    expect(mock.stats().requests).to.equal(1);
    await until("the connection to close", () => mock.stats().openConnections === 0);
  });

  it("reaches a target on a Unix socket, under its base path", async () => {
    const folder = await mkdtemp(join(tmpdir(), "assay-socket-"));
    harness.onClose(() => rm(folder, { recursive: true }));
    const socketPath = join(folder, "server.sock");
    const target = await startScripted(({ socket }) => socket.write(plainAnswer("{}")), { socketPath });
    harness.onClose(() => target.stop());
    const client = await serve();
    const url = `http+unix://${encodeURIComponent(socketPath)}/base`;
    const { connection, url: asked, record } = await client.sendOne({ target: { urls: [{ url }] }, turn, model: "m" });
    expect(record).to.include({ status: 200 });
    expect(asked).to.equal(`${url}/v1/chat/completions`);
    expect(target.requests[0]?.head).to.match(/^POST \/base\/v1\/chat\/completions /);
    expect(connection?.remoteAddress).to.equal("");
  });

  it("tells how the connection was opened, and the headers of the answer but for cookies", async () => {
    const target = await startScripted(({ socket }) =>
      socket.end(plainAnswer("{}", "Server: x\r\nset-cookie: secret\r\nvia: a\r\nvia: b\r\n")),
    );
    harness.onClose(() => target.stop());
    const client = await serve();
    const url = `http://localhost:${target.port}/base?key=s3cret`;
    const { connection, headers, url: asked, record } = await client.sendOne({ target: { urls: [{ url }] }, turn, model: "m" });
    expect(asked).to.equal(`http://localhost:${target.port}/base/v1/chat/completions`);
    expect(headers).to.include({ server: "x", via: "a, b" }).and.not.have.property("set-cookie");
    expect(connection?.remoteAddress).to.match(/^(127\.0\.0\.1|\[::1\]):\d+$/);
    const { startNs = 0, resolvedNs = Number.NaN, connectedNs = Number.NaN, securedNs } = connection ?? {};
    expect(resolvedNs).to.be.within(0, connectedNs);
    expect(startNs + connectedNs).to.be.within(startNs, record?.sentNs ?? 0);
    expect(securedNs).to.equal(undefined);
  });

  it("tells when TLS stood", async () => {
    const workshop = createCertWorkshop();
    harness.onClose(() => workshop.remove());
    const tls = workshop.ca("Test CA").issue("localhost", "DNS:localhost", "IP:127.0.0.1");
    const target = await startScripted(({ socket }) => socket.end(plainAnswer("{}")), { tls });
    harness.onClose(() => target.stop());
    const client = await serve();
    const request = { target: { urls: [{ url: target.origin }], tls: { skipVerify: true } }, turn, model: "m" };
    const { connection, record } = await client.sendOne(request);
    expect(connection?.resolvedNs).to.equal(undefined);
    expect(connection?.securedNs).to.be.greaterThan(connection?.connectedNs ?? Number.POSITIVE_INFINITY);
    expect((connection?.startNs ?? 0) + (connection?.securedNs ?? 0)).to.be.at.most(record?.sentNs ?? 0);
  });

  it("tells how far a connection came that failed", async () => {
    const client = await serve();
    const { connection } = await client.sendOne({ target: { urls: [{ url: "http://127.0.0.1:1" }] }, turn, model: "m" });
    expect(connection?.startNs).to.be.greaterThan(0);
    expect(connection?.connectedNs).to.equal(undefined);
    expect(connection?.remoteAddress).to.equal("");
  });

  it("streams where that is asked for, with a stamp for every read", async () => {
    const client = await serve();
    const endpoint = { type: "chat", streaming: true };
    const { record } = await client.sendOne({ target: { urls: [{ url: mock.url }] }, endpoint, turn, model: "mock" });
    expect(record).to.include({ status: 200, contentType: "text/event-stream; charset=utf-8", isStreaming: true });
    const { readEnds } = decodeReads(record?.reads ?? new Uint8Array(0));
    expect(readEnds.at(-1)).to.equal(record?.payload.length);
    expect(Buffer.from(record?.payload ?? []).toString()).to.match(/\[DONE\]\s*$/);
  });

  it("answers a failed request with a record, not with an error", async () => {
    const client = await serve();
    const { record } = await client.sendOne({ target: { urls: [{ url: "http://127.0.0.1:1" }] }, turn, model: "m" });
    expect(record?.error?.code).to.equal("connect_refused");
  });

  it("answers large answers whole", async () => {
    const big = await createMock({ osl: 400_000 });
    harness.onClose(() => big.stop());
    const client = await serve();
    const request = { target: { urls: [{ url: big.url }] }, turn: { ...turn, maxOutputTokens: 0 }, model: "m" };
    const { record } = await client.sendOne(request, { timeoutMs: 30_000 });
    expect(record?.payload.length).to.be.greaterThan(1 << 20);
    expect(JSON.parse(Buffer.from(record?.payload ?? []).toString()).usage.completion_tokens).to.equal(400_000);
  });

  it("ends the request when the caller gives up", async () => {
    const silent = await startScripted(() => {});
    harness.onClose(() => silent.stop());
    const client = await serve();
    const abort = new AbortController();
    const asked = client.sendOne({ target: { urls: [{ url: silent.origin }] }, turn, model: "m" }, { signal: abort.signal });
    const failed = failureOf(asked);
    await until("the request", () => silent.requests.length === 1);
    abort.abort();
    expect((await failed).code).to.equal("cancelled");
    await until("the connection to close", () => silent.open.size === 0);
  });

  it("refuses a request without a target, without a turn, or to an endpoint that there is not", async () => {
    const client = await serve();
    const target = { urls: [{ url: mock.url }] };
    for (const request of [{ turn }, { target: { urls: [] }, turn }, { target }, { target, turn, endpoint: { type: "x" } }]) {
      expect((await failureOf(client.sendOne(request))).code).to.equal("invalid_argument");
    }
  });

  it("says what it is when it has no run, and drains at once", async () => {
    const client = await serve();
    expect(await client.getStatus({})).to.include({ workerId: "w1", runId: "", inFlight: 0, sent: 0n });
    expect(await client.drain({})).to.include({ inFlight: 0, outboxRecords: 0n });
  });

  it("says what its run holds, and drains until its requests are over, or the time is", async () => {
    let inFlight = 2;
    const status = () => ({
      inFlight,
      sent: 12,
      credits: { limit: 4, held: 1 },
      outbox: { batches: 1, waiting: inFlight, bytes: 100, spilledBytes: 5, records: 9 },
      outboxStalls: 0,
      connections: { connections: 3, opened: 3, replaced: 1 },
    });
    const run = {
      get inFlight() {
        return inFlight;
      },
      status,
      drained: async () => inFlight === 0,
    } as unknown as WorkerRun;
    const client = await serve({
      current: () => ({ runId: "r1", run }),
      usage: () => ({
        cpuSec: 1,
        rssBytes: 5,
        loopUtilization: 0,
        loopDelayP99Ms: 0,
        loopDelayMaxMs: 0,
        gcMs: 0,
        gcCount: 0,
        gcMaxMs: 0,
        openFds: 0,
        maxFds: 0,
      }),
    });
    const seen = await client.getStatus({});
    expect(seen).to.include({ runId: "r1", inFlight: 2, slots: 4, held: 1, connections: 3, sent: 12n, replacedConnections: 1n });
    expect(seen).to.include({ outboxRecords: 2n, outboxBytes: 100n, spilledBytes: 5n });
    expect(seen.usage?.rssBytes).to.equal(5n);
    expect(await client.drain({ timeoutMs: 50 })).to.include({ inFlight: 2, outboxRecords: 2n });
    const drained = client.drain({});
    inFlight = 0;
    expect(await drained).to.include({ inFlight: 0, outboxRecords: 0n });
  });
});
