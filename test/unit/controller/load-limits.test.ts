import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { expect } from "chai";
import { ConcurrencyUnit, RunSpecSchema, UrlStrategy } from "../../../gen/assay/common/v1/run_spec_pb.js";
import { type DatasetTimes, loadLimits, type WorkerHost } from "../../../services/controller/core/load-limits.ts";
import { workersFor } from "../../../services/controller/core/run-plan.ts";

type SpecInit = Exclude<MessageInitShape<typeof RunSpecSchema>, { $typeName: string }>;

const host: WorkerHost = { labels: {}, name: "h1", cores: 3, maxFds: 20_000, localPorts: 28_232 };
const many = Array.from({ length: 4 }, (_, index) => ({ url: `http://127.0.0.${index + 1}:8000` }));
const file = { source: { case: "file" as const, value: {} } };

function specOf(limit: number, change: SpecInit = {}) {
  return create(RunSpecSchema, {
    target: { urls: many },
    dataset: { source: { case: "synthetic", value: {} } },
    phases: [{ name: "p", load: { case: "concurrency", value: { limit } } }],
    ...change,
  });
}

function limitsOf(limit: number, change: SpecInit = {}, hosts: readonly WorkerHost[] = [host]) {
  const spec = specOf(limit, change);
  return loadLimits(spec, hosts, workersFor(spec, hosts));
}

const timesOf = (sessions: number, spanMs: number): DatasetTimes => ({
  timedConversations: BigInt(sessions),
  firstTimestampMs: 1_000,
  lastTimestampMs: 1_000 + spanMs,
});

const one = (url: string): SpecInit => ({ target: { urls: [{ url }] } });

describe("the workers of a run", () => {
  const workers = (limit: number, change: SpecInit = {}, hosts = [host]): number => workersFor(specOf(limit, change), hosts);

  it("are as many as the cores leave and the load can use", () => {
    expect([workers(1), workers(2), workers(500)]).to.deep.equal([1, 2, 2]);
    expect(workers(500, {}, [host, host])).to.equal(4);
    expect(workers(500, { workers: { maxWorkers: 1 } })).to.equal(1);
  });

  it("are more where their descriptors would not do", () => {
    expect(workers(60_000)).to.equal(4);
    expect(workers(60_000, {}, [{ ...host, maxFds: 1024 }])).to.equal(63);
    expect(workers(60_000, {}, [{ ...host, maxFds: 0 }])).to.equal(2);
    expect(workers(60_000, { workers: { maxWorkers: 3 } })).to.equal(3);
  });
});

describe("the limits of a host", () => {
  it("let a load through that is well below them", () => {
    expect(limitsOf(10_000, { workers: { maxWorkers: 1 } })).to.deep.equal({ violations: [], warnings: [] });
    expect(limitsOf(60_000).violations).to.deep.equal([]);
    expect(limitsOf(1000, {}, [{ ...host, maxFds: 0, localPorts: 0 }])).to.deep.equal({ violations: [], warnings: [] });
  });

  it("refuse more connections than descriptors, and say how many there must be", () => {
    const { violations, warnings } = limitsOf(25_000, { workers: { maxWorkers: 1 } });
    expect(violations).to.deep.equal([
      {
        field: "phases[0].concurrency.limit",
        description:
          "25000 connections on 1 worker need 25064 file descriptors a process, h1 gives 20000: take at least 2 workers " +
          "(--workers-max), or raise the limit there (ulimit -n 25064)",
      },
    ]);
    expect(warnings).to.deep.equal([]);
  });

  it("refuse more connections to one address than local ports, and say what to do", () => {
    const [violation, ...others] = limitsOf(30_000, one("http://127.0.0.1:8000/v1")).violations;
    expect(violation?.description).to.equal(
      "30000 connections from h1 to 127.0.0.1:8000 need as many local ports, there are 28232: widen net.ipv4.ip_local_port_range " +
        "there, give the target more addresses or ports (--url again), or take more hosts",
    );
    expect(others).to.deep.equal([]);
    expect(limitsOf(30_000, one("http://127.0.0.1:8000"), [host, host]).violations).to.deep.equal([]);
  });

  it("count all connections through a proxy as going to it", () => {
    const urls = ["http://10.0.0.1", "http://10.0.0.2"].map((url) => ({ url }));
    expect(limitsOf(30_000, { target: { urls } }).violations).to.deep.equal([]);
    const [violation] = limitsOf(30_000, { target: { urls, proxyUrl: "http://me:s3cret@10.0.0.9:3128" } }).violations;
    expect(violation?.description).to.equal(
      "30000 connections from h1 to 10.0.0.9:3128 need as many local ports, there are 28232: widen net.ipv4.ip_local_port_range " +
        "there, or take more hosts",
    );
  });

  it("count URLs of one address together, and by their weight", () => {
    const twice = ["a", "b"].map((path) => ({ url: `http://10.0.0.1/${path}` }));
    expect(limitsOf(30_000, { target: { urls: twice } }).violations).to.have.lengthOf(1);
    const urls = [
      { url: "http://10.0.0.1", weight: 19 },
      { url: "http://10.0.0.2", weight: 1 },
    ];
    expect(limitsOf(30_000, { target: { urls, urlStrategy: UrlStrategy.WEIGHTED } }).violations[0]?.description).to.contain(
      "28500 connections from h1 to 10.0.0.1:80 need",
    );
  });

  it("warn where a load comes near them", () => {
    expect(limitsOf(19_000, { workers: { maxWorkers: 1 } }).warnings[0]).to.match(
      /^phase p: near a limit: 19000 connections on 1 worker need 19064 file descriptors a process, h1 gives 20000/,
    );
    expect(limitsOf(15_000, one("http://127.0.0.1:8000")).warnings[0]).to.match(/^phase p: near a limit: 15000 connections from/);
    expect(limitsOf(14_000, one("http://127.0.0.1:8000")).warnings).to.deep.equal([]);
  });

  it("are those of an address, however it is written, and of the phase that asks for it", () => {
    for (const [url, place] of [
      ["http://localhost:8000", "localhost:8000"],
      ["http://[::1]:8000/v1", "[::1]:8000"],
      ["https://10.0.0.1/v1", "10.0.0.1:443"],
      ["http://10.0.0.1/v1", "10.0.0.1:80"],
    ] as const) {
      expect(limitsOf(30_000, one(url)).violations[0]?.description, url).to.contain(`from h1 to ${place} need`);
    }
    const load = (limit: number) => ({ case: "concurrency" as const, value: { limit } });
    const phases = [
      { name: "warm", load: load(10) },
      { name: "p", load: load(30_000) },
    ];
    const { violations } = limitsOf(0, { ...one("http://127.0.0.1:8000"), phases });
    expect(violations.map(({ field }) => field)).to.deep.equal(["phases[1].concurrency.limit"]);
  });

  it("are none of a host that has no worker", () => {
    const small = { ...host, name: "h2", maxFds: 100, localPorts: 10 };
    const spec = specOf(5000, { ...one("http://127.0.0.1:8000"), workers: { maxWorkers: 1 } });
    expect(loadLimits(spec, [host, small], 1)).to.deep.equal({ violations: [], warnings: [] });
    expect(
      loadLimits(spec, [host, small], 2)
        .violations.map(({ description }) => description)
        .join(),
    ).to.contain("h2 gives 100");
  });

  const [busy, idle] = ["http://10.0.0.1", "http://10.0.0.2"];
  const delayed = { source: { case: "synthetic" as const, value: { turnDelayMs: { mean: 5 } } } };
  const uncertain: readonly (readonly [string, SpecInit])[] = [
    [
      "the least loaded of several targets may be any",
      { target: { urls: [{ url: busy }, { url: busy }], urlStrategy: UrlStrategy.LEAST_LOADED } },
    ],
    ["synthetic sessions pause between their turns", { ...one(busy), dataset: delayed }],
    ["weights are no matter of the strategy", { target: { urls: [{ url: busy, weight: 19 }, { url: idle }] } }],
  ];
  for (const [what, change] of uncertain) {
    it(`only warn where ${what}`, () => {
      const { violations, warnings } = limitsOf(30_000, change);
      expect(violations).to.deep.equal([]);
      expect(warnings[0]).to.match(/connections from h1 to 10\.0\.0\.1:80 need as many local ports/);
    });
  }

  for (const [what, change] of [
    ["a target is named and may have several addresses", one("http://server:8000")],
    ["sessions may pause between their turns", { ...one("http://127.0.0.1:8000"), dataset: file }],
  ] as const) {
    it(`only warn where ${what}`, () => {
      const { violations, warnings } = limitsOf(30_000, change);
      expect(violations).to.deep.equal([]);
      expect(warnings[0]).to.match(/^phase p: 30000 connections from h1 to .* need as many local ports/);
    });
  }

  it("hold for requests as the unit whatever the dataset, and not beyond what is asked for", () => {
    const load = { case: "concurrency" as const, value: { limit: 30_000, unit: ConcurrencyUnit.REQUEST } };
    const to = one("http://127.0.0.1:8000");
    expect(limitsOf(0, { ...to, dataset: file, phases: [{ name: "p", load }] }).violations).to.have.lengthOf(1);
    const few = { ...to, phases: [{ name: "p", load, stop: { requestCount: 100n } }] };
    expect(limitsOf(0, few)).to.deep.equal({ violations: [], warnings: [] });
  });

  it("only warn of a ceiling, which a rate need not reach", () => {
    const load = { case: "rate" as const, value: { ratePerSec: 1, concurrencyCeiling: 25_000 } };
    const { violations, warnings } = limitsOf(0, { workers: { maxWorkers: 1 }, phases: [{ name: "p", load }] });
    expect(violations).to.deep.equal([]);
    expect(warnings[0]).to.contain("25000 connections on 1 worker need 25064");
  });

  it("warn of what bursts, users or a schedule may have open at once, by the field that says so", () => {
    const rate = { case: "rate" as const, value: { bursts: { size: 25_000, intervalSec: 60 } } };
    const users = { case: "userCentric" as const, value: { users: 25_000, ratePerSec: 10 } };
    const replay = { case: "schedule" as const, value: { concurrencyCeiling: 25_000 } };
    const workers = { maxWorkers: 1 };
    for (const [load, times] of [[rate], [users], [replay, timesOf(10, 0)]] as const) {
      const spec = specOf(0, { workers, phases: [{ name: "p", load }] });
      const { violations, warnings } = loadLimits(spec, [host], workersFor(spec, [host]), times);
      expect(violations).to.deep.equal([]);
      expect(warnings[0]).to.match(/^phase p: 25000 connections on 1 worker need 25064 file descriptors/);
    }
    const capped = { ...users, value: { ...users.value, concurrencyCeiling: 100 } };
    expect(limitsOf(0, { workers, phases: [{ name: "p", load: capped }] }).warnings).to.deep.equal([]);
  });

  it("take a schedule by the sessions that begin in a second of it, once the dataset is known", () => {
    const load = (speedup?: number) => ({ case: "schedule" as const, value: speedup === undefined ? {} : { speedup } });
    const of = (speedup: number | undefined, times: DatasetTimes | undefined) =>
      loadLimits(specOf(0, { workers: { maxWorkers: 1 }, phases: [{ name: "p", load: load(speedup) }] }), [host], 1, times);
    expect(of(undefined, undefined).warnings).to.deep.equal([]);
    expect(of(undefined, timesOf(30_000, 0)).warnings[0]).to.contain("30000 connections on 1 worker");
    expect(of(undefined, timesOf(30_000, 60_000)).warnings).to.deep.equal([]);
    expect(of(60, timesOf(30_000, 60_000)).warnings[0]).to.contain("30000 connections on 1 worker");
    // What the spec alone decides has been looked at before.
    expect(loadLimits(specOf(25_000, { workers: { maxWorkers: 1 } }), [host], 1, timesOf(1, 0)).violations).to.deep.equal([]);
  });
});
