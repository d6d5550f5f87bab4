import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { expect } from "chai";
import { ServiceKind } from "../../gen/assay/common/v1/common_pb.js";
import type { WorkerSpecSchema } from "../../gen/assay/common/v1/run_spec_pb.js";
import { RunState } from "../../gen/assay/controller/v1/controller_pb.js";
import { RunService, SuiteService } from "../../gen/assay/controller/v1/controller_service_pb.js";
import { RecordsManagerService } from "../../gen/assay/records_manager/v1/records_manager_service_pb.js";
import { createMock, type Mock } from "../../mock/server.ts";
import { type Client, createClient } from "../../services/common/rpc/client.ts";
import { RunWatch, specOf } from "../service/controller/suite.ts";
import { failureOf } from "../service/rpc/harness.ts";
import { ServeFolder } from "../support/served.ts";

type Workers = Exclude<MessageInitShape<typeof WorkerSpecSchema>, { $typeName: string }>;

const pollMs = 50;
const withinMs = 60_000;

/** Every service but those of load hosts. */
const central = "--services=controller,dataset,timing,record-processor,records-manager";

describe("load hosts of a suite, each a process with a name of its own", function () {
  this.timeout(3 * withinMs);
  let place: ServeFolder;
  let mock: Mock;
  let runs: Client<typeof RunService>;
  let suites: Client<typeof SuiteService>;
  let records: Client<typeof RecordsManagerService>;
  let controller: string;
  beforeEach(async () => {
    place = new ServeFolder();
    mock = await createMock({ ttftMs: 5, itlMs: 1 });
  });
  afterEach(async () => {
    for (const client of [runs, suites, records]) client.close();
    await place.close();
    await mock.stop();
  });

  async function startSuite(...args: string[]): Promise<void> {
    ({ address: controller } = await place.start(central, ...args));
    connect(controller);
  }

  function connect(recordsAddress: string): void {
    const token = readFileSync(place.tokenFile, "utf8").trim();
    runs = createClient(RunService, { address: controller, token });
    suites = createClient(SuiteService, { address: controller, token });
    records = createClient(RecordsManagerService, { address: recordsAddress, token });
  }
  const startHost = (name: string, cores: number, ...args: string[]) =>
    place.start("--services=worker-manager", `--controller=${controller}`, `--host-name=${name}`, `--cores=${cores}`, ...args);

  const specWith = (workers: Workers, requests = 40n) =>
    specOf({
      models: ["mock"],
      target: { urls: [{ url: mock.url }], noProbe: true },
      workers,
      phases: [
        { name: "profiling", kind: 2, load: { case: "concurrency", value: { limit: 8 } }, stop: { requestCount: requests } },
      ],
    });

  /** Ids of the workers that have joined, by host. */
  async function workers(): Promise<Record<string, string[]>> {
    const { members } = await suites.getSuite({});
    const found: Record<string, string[]> = {};
    for (const { services, host, memberId, isConnected } of members) {
      if (!isConnected || !services.includes(ServiceKind.WORKER)) continue;
      found[host] = [...(found[host] ?? []), memberId];
    }
    return found;
  }

  /** Requests of a run so far by the host that sent them. */
  async function sentBy(runId: string): Promise<Record<string, number>> {
    const { groups } = await records.summarizeRecords({ runId, groupBy: ["host"], metrics: ["request_latency"] });
    return Object.fromEntries(groups.map(({ keys, succeeded }) => [keys[0]?.value.value, Number(succeeded)]));
  }

  async function completed(spec: ReturnType<typeof specWith>, runId: string): Promise<void> {
    await runs.createRun({ spec, runId });
    const run = await new RunWatch(runs.watchRun({ runId }, { timeoutMs: withinMs })).end;
    expect([RunState[run.state], run.reason]).to.deep.equal(["COMPLETED", ""]);
  }

  it("have workers by their cores, and each of them sends its part", async () => {
    await startSuite();
    await Promise.all([startHost("h2", 4), startHost("h1", 2)]);
    await completed(specWith({}), "by-cores");
    const there = await workers();
    expect(Object.entries(there).map(([host, ids]) => [host, ids.length])).to.have.deep.members([
      ["h1", 1],
      ["h2", 3],
    ]);
    expect(await sentBy("by-cores")).to.satisfy(
      ({ h1 = 0, h2 = 0 }: Record<string, number>) => h1 > 0 && h2 > h1 && h1 + h2 === 40,
    );
    await completed(specWith({ workersPerHost: 2 }), "per-host");
    const { phases } = await records.summarizeRecords({ runId: "per-host" });
    const hosts = phases[0]?.hosts.map(({ name, workers: count, cores, succeeded }) => [name, count, cores, Number(succeeded)]);
    expect(hosts?.map((row) => row.slice(0, 3))).to.deep.equal([
      ["h1", 2, 2],
      ["h2", 2, 4],
    ]);
    expect(await sentBy("per-host")).to.deep.equal(Object.fromEntries(hosts?.map(([name, , , sent]) => [name, sent]) ?? []));
    expect((await workers()).h1).to.have.lengthOf(2);
  });

  it("are chosen by name and by label; who is not chosen sends nothing, and who is not there is named", async () => {
    await startSuite();
    await Promise.all([startHost("h1", 2, "--labels=zone=a,net=10g"), startHost("h2", 2, "--labels=zone=b", "--prespawn=1")]);
    await completed(specWith({ hosts: ["h1"] }), "by-name");
    expect(await sentBy("by-name")).to.deep.equal({ h1: 40 });
    await completed(specWith({ hostLabels: { zone: "b" } }), "by-label");
    expect(await sentBy("by-label")).to.deep.equal({ h2: 40 });
    const rows = [
      [{ hosts: ["h3"] }, "no load host is called h3: there are h1 (zone=a,net=10g), h2 (zone=b)"],
      [{ hosts: ["h1"], hostLabels: { zone: "b" } }, "none of h1 carries zone=b: there are"],
    ] as const;
    for (const [choice, words] of rows) {
      const error = await failureOf(runs.createRun({ spec: specWith({ ...choice, hosts: [...choice.hosts] }), runId: "none" }));
      expect(error).to.include({ code: "invalid_argument" });
      expect(error.message).to.include(words);
    }
  });

  it("take part from where they come in, in the middle of a phase", async () => {
    await startSuite();
    await startHost("h1", 2);
    const spec = specWith({}, 1_000_000n);
    await runs.createRun({ spec, runId: "late" });
    const watch = new RunWatch(runs.watchRun({ runId: "late" }, { timeoutMs: withinMs }));
    await watch.seen(RunState.RUNNING);
    await startHost("h2", 2);
    const deadlineMs = performance.now() + withinMs;
    while (((await sentBy("late")).h2 ?? 0) === 0) {
      if (performance.now() > deadlineMs)
        expect.fail(`h2 sent nothing: ${watch.events.map(({ message }) => message).join("; ")}`);
      await delay(pollMs);
    }
    await runs.cancelRun({ runId: "late" });
    const run = await watch.end;
    expect(RunState[run.state]).to.equal("CANCELLED");
    expect(watch.events.find(({ kind }) => kind === "host_joined")?.message).to.equal("h2 joined; 1 worker of it will take part");
    const { drawn, unused, succeeded, cancelled, errored, missingLost, missingRecord } = run.phases[0]?.identity ?? {};
    expect([errored, missingLost, missingRecord]).to.deep.equal([0n, 0n, 0n]);
    expect(drawn).to.equal((unused ?? 0n) + (succeeded ?? 0n) + (cancelled ?? 0n));
  });

  it("and every other service may be anywhere, each a process by itself", async () => {
    ({ address: controller } = await place.start("--services=controller", "--host-name=a"));
    const starts = ["records-manager", "dataset", "timing", "record-processor", "telemetry", "worker-manager"].map(
      (service, index) => place.start(`--services=${service}`, `--controller=${controller}`, `--host-name=h${index}`),
    );
    const [recordsManager] = await Promise.all(starts);
    connect(recordsManager?.address ?? "");
    await completed(specWith({ workersPerHost: 2 }), "apart");
    expect(await sentBy("apart")).to.deep.equal({ h5: 40 });
  });

  for (const [what, host, shown] of [
    ["IPv6", "::1", /^\[::1\]:\d+$/],
    ["a name", "localhost", /^localhost:\d+$/],
  ] as const) {
    it(`may be reached by ${what}`, async () => {
      await startSuite(`--host=${host}`);
      const { address } = await startHost("h1", 2, `--host=${host}`);
      expect([controller, address]).to.satisfy((all: string[]) => all.every((one) => shown.test(one)));
      await completed(specWith({}), "run");
      expect(await sentBy("run")).to.deep.equal({ h1: 40 });
    });
  }
});
