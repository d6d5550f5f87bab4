import { expect } from "chai";
import { type ExtendLeaseRequest, TimingService } from "../../../gen/assay/timing/v1/timing_service_pb.js";
import { monotonicNs } from "../../../services/common/clock.ts";
import { AssayError } from "../../../services/common/errors.ts";
import { silentLogger } from "../../../services/common/logger.ts";
import type { Reach } from "../../../services/common/rpc/channel.ts";
import { implement } from "../../../services/common/rpc/handler.ts";
import type { TlsOptions } from "../../../services/common/rpc/port.ts";
import { createRpcServer, type RpcServer } from "../../../services/common/rpc/server.ts";
import { LeaseKeeper } from "../../../services/worker/lease-keeper.ts";
import { createCertWorkshop } from "../../support/certs.ts";

const leaseNs = 4e9;
const token = "right-token";
const missing = (): never => {
  throw new AssayError("unimplemented", "not here");
};

describe("the thread that guards a worker's lease", function () {
  this.timeout(20_000);
  const asked: ExtendLeaseRequest[] = [];
  let servers: RpcServer[] = [];
  let keepers: LeaseKeeper[] = [];
  let news = Promise.withResolvers<void>();

  afterEach(async () => {
    for (const keeper of keepers) keeper.close();
    await Promise.all(servers.map((server) => server.stop(0)));
    [servers, keepers] = [[], []];
    asked.length = 0;
  });

  async function serve(tls?: TlsOptions): Promise<string> {
    const timing = implement(TimingService, {
      role: "member",
      handlers: {
        credits: missing,
        getTimingStats: missing,
        watchTiming: missing,
        extendLease: (request) => {
          asked.push(request);
          news.resolve();
          news = Promise.withResolvers();
          if (request.workerId === "lost") throw new AssayError("failed_precondition", "the lease is not extended");
          return {};
        },
      },
    });
    const auth = { tokens: { [token]: ["member"] } } as const;
    const server = createRpcServer({ services: [timing], listen: {}, auth, log: silentLogger, ...(tls && { tls }) });
    servers.push(server);
    return (await server.start()).address;
  }

  /** A loop that has read its last answer so long ago. */
  function keeperOf(channel: Reach, { workerId = "w1", silentNs = 1.2e9 } = {}): LeaseKeeper {
    const keeper = new LeaseKeeper({ channel, runId: "run", workerId, log: silentLogger });
    keepers.push(keeper);
    keeper.alive({ incarnation: 5n, leaseNs, now: monotonicNs() - silentNs });
    return keeper;
  }

  async function granted(keeper: LeaseKeeper): Promise<number> {
    // Memory that another thread writes tells nobody that it has changed.
    while (keeper.endNs === Number.NEGATIVE_INFINITY) await new Promise(setImmediate);
    return keeper.endNs;
  }

  it("asks timing, with the suite's token, and counts from before it asked", async () => {
    const beforeNs = monotonicNs();
    const endNs = await granted(keeperOf({ address: await serve(), token }));
    expect(asked[0]).to.include({ runId: "run", workerId: "w1", incarnation: 5n });
    expect(endNs).to.be.within(beforeNs + leaseNs, monotonicNs() + leaseNs);
  });

  it("asks over TLS, with a certificate of its own where that is wanted", async () => {
    const workshop = createCertWorkshop();
    try {
      const ca = workshop.ca("suite");
      const pair = ca.issue("member", "IP:127.0.0.1", "URI:assay:role:member");
      const address = await serve({ ...pair, ca: ca.cert, clientCertificates: "required" });
      await granted(keeperOf({ address, token, tls: { ca: ca.cert, ...pair } }));
      expect(asked).to.have.length.at.least(1);
    } finally {
      workshop.remove();
    }
  });

  it("is granted nothing where timing refuses, nor before the loop is behind", async () => {
    const address = await serve();
    const young = keeperOf({ address, token }, { workerId: "young", silentNs: -60e9 });
    const lost = keeperOf({ address, token }, { workerId: "lost" });
    while (asked.length < 2) await news.promise;
    expect(asked.map(({ workerId }) => workerId)).to.deep.equal(["lost", "lost"]);
    expect([lost.endNs, young.endNs]).to.deep.equal([Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]);
  });
});
