import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect } from "chai";
import { AssayError, connect } from "../../../clients/node/connect.ts";
import type { ConnectOptions, Suite } from "../../../clients/node/types.d.ts";
import { ServiceKind } from "../../../gen/assay/common/v1/common_pb.js";
import { SuiteService } from "../../../gen/assay/controller/v1/controller_service_pb.js";
import { WorkerManagerService } from "../../../gen/assay/worker_manager/v1/worker_manager_service_pb.js";
import { silentLogger } from "../../../services/common/logger.ts";
import { implement } from "../../../services/common/rpc/handler.ts";
import { createRpcServer, type RpcServer, type RpcServerOptions } from "../../../services/common/rpc/server.ts";
import { createCertWorkshop, type TestCa } from "../../support/certs.ts";
import { EchoService } from "../../support/gen/assay/testing/v1/echo_service_pb.js";
import { failureOf } from "../rpc/harness.ts";

const token = "an-operators-token";

/** A member of a suite as its controller lists it. */
interface Listed {
  readonly services: ServiceKind[];
  readonly address: string;
  readonly isConnected: boolean;
}

describe("the library's connection to a suite", () => {
  const servers: RpcServer[] = [];
  const suites: Suite[] = [];
  let members: Listed[];
  /** Awaited by GetSuite. */
  let gate: Promise<void> | undefined;

  beforeEach(() => {
    members = [];
    gate = undefined;
  });

  afterEach(async () => {
    for (const suite of suites.splice(0)) suite.close();
    for (const server of servers.splice(0)) await server.stop(0);
  });

  async function serve(services: RpcServerOptions["services"], tls?: RpcServerOptions["tls"]): Promise<string> {
    const auth = { tokens: { [token]: ["operator" as const] } };
    const server = createRpcServer({ services, listen: {}, auth, log: silentLogger, ...(tls === undefined ? {} : { tls }) });
    servers.push(server);
    return (await server.start()).address;
  }

  const controller = (tls?: RpcServerOptions["tls"]): Promise<string> =>
    serve(
      [
        suiteService(
          () => members,
          () => gate,
        ),
      ],
      tls,
    );

  async function open(options: ConnectOptions): Promise<Suite> {
    const suite = await connect({ token, ...options });
    suites.push(suite);
    return suite;
  }

  it("knows the suite's version and calls its services with its token", async () => {
    const suite = await open({ address: await controller() });
    expect(suite.version).to.equal("1.2.3");
    expect((await suite.suite.getSuite({})).suiteId).to.equal("the suite");
  });

  it("calls a service at the member that serves it now, not at one that is gone", async () => {
    const suite = await open({ address: await controller() });
    const [gone, first, second] = await Promise.all(
      [workers("gone"), workers("first"), workers("second")].map((one) => serve([one])),
    );
    const services = [ServiceKind.WORKER_MANAGER];
    members = [
      { services, address: gone ?? "", isConnected: false },
      { services, address: first ?? "", isConnected: true },
    ];
    expect(await listed(suite)).to.deep.equal(["first"]);
    members = [{ services, address: second ?? "", isConnected: true }];
    expect(await listed(suite)).to.deep.equal(["second"]);
  });

  it("says so where no member serves a service, and where it is no suite's", async () => {
    const address = await controller();
    const suite = await open({ address });
    expect(await failureOf(suite.records())).to.include({
      code: "unavailable",
      message: `no records-manager in the suite at ${address}`,
    });
    expect(await failureOf(suite.client(EchoService))).to.include({
      code: "invalid_argument",
      message: "service assay.testing.v1.EchoService: no service of a suite",
    });
  });

  it("speaks TLS with the CA that it is given", async () => {
    const workshop = createCertWorkshop();
    try {
      const ca = workshop.ca("the suite's");
      const server = ca.issue("controller", "IP:127.0.0.1");
      const address = await controller({ cert: server.cert, key: server.key });
      const suite = await open({ address, tls: { ca: new TextEncoder().encode(ca.cert) } });
      expect(suite.version).to.equal("1.2.3");
      const other = workshop.ca("another").cert;
      expect(await failureOf(connect({ address, token, tls: { ca: other } }))).to.include({ code: "unavailable" });
    } finally {
      workshop.remove();
    }
  });

  it("goes by files that are replaced while it lives: authority, certificate and token", async () => {
    const workshop = createCertWorkshop();
    const folder = mkdtempSync(join(tmpdir(), "assay-library-"));
    const caFile = join(folder, "ca");
    const certFile = join(folder, "cert");
    const keyFile = join(folder, "key");
    const tokenFile = join(folder, "token");
    const write = (ca: TestCa, word: string): void => {
      const own = ca.issue("a client", "DNS:client");
      writeFileSync(caFile, ca.cert);
      writeFileSync(certFile, own.cert);
      writeFileSync(keyFile, own.key);
      writeFileSync(tokenFile, `${word}\n`);
    };
    const start = async (ca: TestCa, word: string, port = 0): Promise<{ address: string; port: number }> => {
      const { cert, key } = ca.issue("controller", "IP:127.0.0.1");
      const server = createRpcServer({
        services: [
          suiteService(
            () => [],
            () => undefined,
          ),
        ],
        listen: { port },
        auth: { tokens: { [word]: ["operator"] } },
        log: silentLogger,
        tls: { cert, key, ca: ca.cert, clientCertificates: "required" },
      });
      servers.push(server);
      return server.start();
    };
    try {
      const [before, after] = [workshop.ca("before"), workshop.ca("after")];
      write(before, "a-token-of-before");
      const { address, port } = await start(before, "a-token-of-before");
      const suite = await connect({ address, tokenFile, tls: { caFile, certFile, keyFile } });
      suites.push(suite);
      await servers.pop()?.stop(0);
      await start(after, "a-token-of-after", port);
      expect(await failureOf(suite.suite.getSuite({}))).to.include({ code: "unavailable" });
      write(after, "a-token-of-after");
      // The files are looked at once a second.
      let answered: string | undefined;
      while (answered === undefined) {
        const { suiteId } = await suite.suite.getSuite({}).catch(() => ({ suiteId: undefined }));
        answered = suiteId;
        await delay(20);
      }
      expect(answered).to.equal("the suite");
    } finally {
      rmSync(folder, { recursive: true });
      workshop.remove();
    }
  });

  it("refuses files that cannot be used, by their names here, and one beside a text", async () => {
    const folder = mkdtempSync(join(tmpdir(), "assay-library-"));
    const none = join(folder, "none");
    const refused = async (options: ConnectOptions): Promise<string> => {
      const { code, message } = await failureOf(connect({ address: "127.0.0.1:1", ...options }));
      expect(code).to.equal("invalid_argument");
      return message;
    };
    try {
      expect(await refused({ tokenFile: none })).to.match(/^reading the token from .*none: ENOENT/);
      expect(await refused({ tls: { caFile: none } })).to.match(/^tls\.caFile .*none: cannot be read: ENOENT/);
      expect(await refused({ tls: { certFile: none } })).to.equal("tls.certFile and tls.keyFile belong together");
      expect(await refused({ token: "t", tokenFile: none })).to.equal("token and tokenFile: one of them, got both");
      expect(await refused({ tls: { ca: "t", caFile: none } })).to.equal("tls.ca and tls.caFile: one of them, got both");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("throws errors of the library's own class", async () => {
    const error = await failureOf(connect({ address: await controller(), token: "nobodys-token" }));
    expect(error).to.be.instanceOf(AssayError).and.include({ code: "unauthenticated" });
  });

  for (const address of ["", "localhost", "http://localhost:7400/", "host:port", "a b:1"]) {
    it(`refuses ${JSON.stringify(address)} as an address`, async () => {
      expect(await failureOf(connect({ address }))).to.include({
        code: "invalid_argument",
        message: `address: must be host:port, got "${address}"`,
      });
    });
  }

  it("fails at once where nobody listens", async () => {
    const address = await controller();
    await servers.pop()?.stop(0);
    expect(await failureOf(connect({ address }))).to.include({ code: "unavailable" });
  });

  it("fails after its deadline where somebody listens and never answers", async () => {
    const sockets = new Set<Socket>();
    const silent: Server = createServer((socket) => sockets.add(socket));
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const address = `127.0.0.1:${(silent.address() as { port: number }).port}`;
    expect(await failureOf(connect({ address, timeoutMs: 100 }))).to.include({ code: "deadline_exceeded" });
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => silent.close(resolve));
  });

  it("gives up connecting when its signal aborts", async () => {
    const closed = Promise.withResolvers<void>();
    gate = closed.promise;
    const abort = new AbortController();
    const connecting = failureOf(connect({ address: await controller(), token, signal: abort.signal }));
    abort.abort(new Error("changed my mind"));
    const error = await connecting;
    closed.resolve();
    expect(error).to.include({ code: "cancelled" });
    expect(error.cause).to.have.property("message", "changed my mind");
  });

  it("ends running calls and refuses further ones once it is closed", async () => {
    const suite = await open({ address: await controller() });
    members = [{ services: [ServiceKind.WORKER_MANAGER], address: await serve([workers("one")]), isConnected: true }];
    const manager = await suite.client(WorkerManagerService);
    const closed = Promise.withResolvers<void>();
    gate = closed.promise;
    const running = failureOf(suite.suite.getSuite({}));
    suite.close();
    expect(await running).to.be.instanceOf(AssayError);
    closed.resolve();
    expect(await failureOf(manager.listWorkers({}))).to.include({ code: "unavailable" });
    expect(await failureOf(suite.client(WorkerManagerService))).to.include({ code: "unavailable" });
  });
});

function suiteService(members: () => Listed[], gate: () => Promise<void> | undefined) {
  return implement(SuiteService, {
    role: "viewer",
    handlers: {
      getSuite: async () => {
        await gate();
        return { suiteId: "the suite", version: "1.2.3", members: members() };
      },
      watchSuite: missing,
    },
  });
}

/** A worker-manager with one worker of this name. */
function workers(workerId: string) {
  return implement(WorkerManagerService, {
    role: "operator",
    handlers: {
      listWorkers: () => ({ workers: [{ workerId }] }),
      spawnWorkers: missing,
      stopWorkers: missing,
      watchWorkers: missing,
    },
  });
}

function missing(): never {
  throw new AssayError("unimplemented", "not in this suite");
}

async function listed(suite: Suite): Promise<string[]> {
  const manager = await suite.client(WorkerManagerService);
  return (await manager.listWorkers({})).workers.map(({ workerId }) => workerId);
}
