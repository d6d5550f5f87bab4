/** The metrics pages of a whole suite, read as Prometheus reads them. */
import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { expect } from "chai";
import { PhaseKind } from "../../gen/assay/common/v1/common_pb.js";
import { ArrivalPattern } from "../../gen/assay/common/v1/run_spec_pb.js";
import { RunState } from "../../gen/assay/controller/v1/controller_pb.js";
import { RunService } from "../../gen/assay/controller/v1/controller_service_pb.js";
import type { Instrument } from "../../services/common/observe/instrument.ts";
import { createClient } from "../../services/common/rpc/client.ts";
import { instrumentTables } from "../../services/instruments.ts";
import { type MetricsPage, parseMetricsPage } from "../support/metrics-page.ts";
import { ServeFolder } from "../support/served.ts";
import { type ServedSuite, startServedSuite } from "../support/served-suite.ts";

interface Target {
  readonly targets: readonly [string];
  readonly labels: { readonly assay_member: string; readonly assay_services: string };
}

const warmups = 5n;
const measured = 20n;
const requests = Number(warmups + measured);
const instruments = new Map(Object.values(instrumentTables).flatMap((table) => Object.entries<Instrument>(table)));

async function get(url: string): Promise<Response> {
  return fetch(url, { signal: AbortSignal.timeout(10_000) });
}

/** It tells the address that it is given for others, not its port. */
async function freePort(): Promise<number> {
  const server = http.createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

describe("a suite that serves its metrics", function () {
  this.timeout(90_000);
  let suite: ServedSuite;
  const pages = new Map<string, MetricsPage>();
  let targets: Target[];

  before(async () => {
    suite = await startServedSuite({ args: ["--metrics"] });
    const runs = createClient(RunService, { address: suite.address, token: suite.token });
    const rate = (requestCount: bigint) => ({
      load: { case: "rate" as const, value: { ratePerSec: 100, pattern: ArrivalPattern.CONSTANT } },
      stop: { requestCount },
    });
    const spec = {
      models: ["mock"],
      target: { urls: [{ url: suite.targetUrl }] },
      endpoint: { streaming: true },
      phases: [
        { name: "a-name-of-the-user", kind: PhaseKind.WARMUP, ...rate(warmups) },
        { name: "profiling", kind: PhaseKind.PROFILING, ...rate(measured) },
      ],
      telemetry: { disableGpu: true },
    };
    try {
      const { run } = await runs.createRun({ spec });
      let last = run;
      for await (const { run: now } of runs.watchRun({ runId: run?.runId ?? "" }, { timeoutMs: 60_000 })) last = now;
      expect(last?.state, last?.reason).to.equal(RunState.COMPLETED);
    } finally {
      runs.close();
    }
    targets = (await (await get(`http://${suite.address}/metrics/targets`)).json()) as Target[];
    for (const {
      targets: [address],
      labels,
    } of targets) {
      const response = await get(`http://${address}/metrics`);
      expect(response.status).to.equal(200);
      expect(response.headers.get("content-type")).to.equal("text/plain; version=0.0.4; charset=utf-8");
      pages.set(labels.assay_member, parseMetricsPage(await response.text()));
    }
  });

  after(async () => {
    await suite?.stop();
  });

  /** Over all processes. */
  function sum(name: string, labels: Readonly<Record<string, string>> = {}): number {
    const samples = [...pages.values()].flatMap((page) => page.samples).filter((sample) => sample.name === name);
    const meant = samples.filter((sample) =>
      Object.entries(labels).every(([label, value]) => sample.labels.get(label) === value),
    );
    expect(meant, `samples of ${name} ${JSON.stringify(labels)}`).to.not.have.lengthOf(0);
    return meant.reduce((total, { value }) => total + value, 0);
  }

  it("lists its processes, workers too, each with a page of its own", () => {
    const services = targets.map(({ labels }) => labels.assay_services);
    expect(services[0]).to.contain("controller").and.contain("records-manager");
    expect(services.slice(1)).to.not.have.lengthOf(0);
    expect(new Set(services.slice(1))).to.deep.equal(new Set(["worker"]));
    expect(pages.size).to.equal(targets.length);
  });

  it("says on its pages what its tables of instruments say, and nothing else", () => {
    for (const page of pages.values()) {
      for (const [name, type] of page.types) {
        expect(instruments.get(name), name).to.include({ kind: type, help: page.helps.get(name) });
      }
      for (const { name, labels } of page.samples) {
        const family = page.types.has(name) ? name : name.replace(/_(bucket|sum|count)$/, "");
        const own = [...labels.keys()].filter((label) => label !== "le");
        expect(own, name).to.have.members([...(instruments.get(family)?.labels ?? [])]);
      }
    }
  });

  it("counts every credit, request, record and row of a run, the same at each service", () => {
    expect(sum("assay_timing_issued_credits_total")).to.equal(requests);
    expect(sum("assay_timing_returned_credits_total", { use: "sent" })).to.equal(requests);
    expect(sum("assay_worker_sent_requests_total")).to.equal(requests);
    expect(sum("assay_worker_records_total")).to.equal(requests);
    expect(sum("assay_record_processor_processed_records_total")).to.equal(requests);
    expect(sum("assay_records_manager_committed_rows_total")).to.equal(requests);
    expect(sum("assay_dataset_served_turns_total")).to.be.greaterThan(0);
    expect(sum("assay_controller_ended_runs_total", { state: "completed" })).to.equal(1);
    for (const none of [
      "assay_timing_outstanding_credits",
      "assay_timing_lost_credits_total",
      "assay_timing_runs",
      "assay_worker_in_flight_requests",
      "assay_worker_outbox_records",
      "assay_record_processor_parse_faults_total",
      "assay_records_manager_duplicate_records_total",
      "assay_records_manager_pending_rows",
    ]) {
      expect(sum(none), none).to.equal(0);
    }
  });

  it("has the lateness of every request by the kind of its phase, whatever the phase is called", () => {
    for (const [phase, count] of [
      ["warmup", Number(warmups)],
      ["profiling", Number(measured)],
    ] as const) {
      expect(sum("assay_worker_lateness_seconds_count", { phase })).to.equal(count);
      expect(sum("assay_worker_lateness_seconds_bucket", { phase, le: "+Inf" })).to.equal(count);
      expect(sum("assay_timing_issue_lateness_seconds_count", { phase })).to.equal(count);
    }
  });

  it("has its calls by service, method and code, and its processes as the kernel sees them", () => {
    const created = { service: "assay.controller.v1.RunService", method: "CreateRun" };
    expect(sum("assay_rpc_handled_calls_total", { ...created, code: "ok" })).to.equal(1);
    expect(sum("assay_rpc_handling_seconds_count", created)).to.equal(1);
    const credits = { service: "assay.timing.v1.TimingService", method: "Credits" };
    expect(sum("assay_rpc_received_messages_total", credits)).to.be.greaterThan(1);
    expect(sum("assay_worker_manager_workers")).to.equal(pages.size - 1);
    for (const page of pages.values()) {
      const value = (name: string) => page.samples.find((sample) => sample.name === name)?.value ?? Number.NaN;
      expect(value("assay_process_resident_memory_bytes")).to.be.greaterThan(1e7);
      expect(value("assay_process_open_fds")).to.be.greaterThan(3);
      expect(value("assay_process_event_loop_delay_seconds_count")).to.be.greaterThan(0);
      const startedMs = value("assay_process_start_time_seconds") * 1000;
      expect(startedMs).to.be.within(Date.now() - 300_000, Date.now());
    }
  });

  it("names neither the run nor the model, the target or the token anywhere", async () => {
    const text = await (await get(`http://${suite.address}/metrics`)).text();
    for (const name of ["mock", "a-name-of", suite.targetUrl, suite.token]) expect(text).to.not.contain(name);
  });
});

describe("a process that serves its metrics", function () {
  this.timeout(60_000);

  it("is found by the name that others are given", async () => {
    const place = new ServeFolder();
    try {
      const port = await freePort();
      await place.start("--services=controller", "--metrics", `--port=${port}`, "--advertise=bench.example:7400");
      const statusFor = (host: string) => {
        const { promise, resolve, reject } = Promise.withResolvers<number | undefined>();
        const request = http.get(`http://127.0.0.1:${port}/metrics`, { headers: { host }, agent: false });
        request.on("error", reject).on("response", (response) => {
          response.resume();
          resolve(response.statusCode);
        });
        return promise;
      };
      expect(await statusFor("bench.example:7400")).to.equal(200);
      expect(await statusFor("other.example:7400")).to.equal(403);
    } finally {
      await place.close();
    }
  });
});

describe("a suite that was not asked for metrics", function () {
  this.timeout(60_000);

  it("has no page, and lists no targets", async () => {
    const place = new ServeFolder();
    try {
      const { address } = await place.start("--services=controller");
      for (const path of ["/metrics", "/metrics/targets"]) expect((await get(`http://${address}${path}`)).status).to.equal(404);
    } finally {
      await place.close();
    }
  });
});
