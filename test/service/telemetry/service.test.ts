import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { expect } from "chai";
import { ServiceKind } from "../../../gen/assay/common/v1/common_pb.js";
import { RunSpecSchema } from "../../../gen/assay/common/v1/run_spec_pb.js";
import { DirectorySchema } from "../../../gen/assay/controller/v1/controller_pb.js";
import { CommandSchema } from "../../../gen/assay/controller/v1/controller_service_pb.js";
import type { SampleSeries, Scrape } from "../../../gen/assay/records_manager/v1/record_pb.js";
import { RecordsManagerService } from "../../../gen/assay/records_manager/v1/records_manager_service_pb.js";
import { TelemetryService } from "../../../gen/assay/telemetry/v1/telemetry_service_pb.js";
import { createMock, type Mock } from "../../../mock/server.ts";
import { monotonicNs } from "../../../services/common/clock.ts";
import { AssayError } from "../../../services/common/errors.ts";
import { silentLogger } from "../../../services/common/logger.ts";
import { type Addresses, createAddresses } from "../../../services/common/member/addresses.ts";
import type { ServiceModule } from "../../../services/common/module.ts";
import { type Client, createClient } from "../../../services/common/rpc/client.ts";
import { type Implementation, implement } from "../../../services/common/rpc/handler.ts";
import { createRpcServer } from "../../../services/common/rpc/server.ts";
import { createTelemetryModule } from "../../../services/telemetry/module.ts";
import { createCertWorkshop } from "../../support/certs.ts";
import { countOf } from "../../support/families.ts";
import { failureOf, Harness, until } from "../rpc/harness.ts";
import { servePages } from "./page-server.ts";

const offsetNs = 7e15;
const clock = {
  now: () => monotonicNs() + offsetNs,
  toSuite: (ns: number) => ns + offsetNs,
  toLocal: (ns: number) => ns - offsetNs,
  offset: () => undefined,
};

/** One value of a scrape, with what was declared of it. */
interface Value {
  readonly subject: string;
  readonly field: string;
  readonly value: number;
}

/** A stream of samples as the records-manager sees it. */
interface ManagerSide {
  readonly hello: { readonly runId: string; readonly memberId: string };
  readonly batches: { readonly seq: number; readonly scrapes: readonly Scrape[]; readonly samples: readonly Value[] }[];
  ack(seq: number): void;
  break(): void;
}

describe("telemetry service", () => {
  const harness = new Harness();
  let mock: Mock;
  let module: ServiceModule;
  let client: Client<typeof TelemetryService>;
  let manager: ManagerSide[];
  let addresses: Addresses;
  let isAcking: boolean;
  let isTaking: boolean;

  beforeEach(async () => {
    manager = [];
    isAcking = true;
    isTaking = true;
    mock = await createMock({ gpus: 2, dcgmIntervalMs: 1 });
    harness.onClose(() => mock.stop());
    addresses = createAddresses({ token: undefined });
    harness.onClose(() => addresses.close());
    managerIsAt(await serve(managerService(manager)));
    module = createTelemetryModule({
      id: () => "t1",
      log: silentLogger,
      clock,
      addresses,
      pageLimits: { deadlineMs: 2000, maxBytes: 1 << 20 },
    });
    harness.onClose(() => module.stop(0));
    client = createClient(TelemetryService, { address: await serve(...module.implementations) });
    harness.onClose(() => client.close());
  });
  afterEach(() => harness.close());

  async function serve(...services: Implementation[]): Promise<string> {
    const server = createRpcServer({ services, listen: {}, auth: { insecure: true }, log: silentLogger });
    const { address } = await server.start();
    harness.onClose(() => server.stop(0));
    return address;
  }

  function managerIsAt(address: string): void {
    const entries = [{ service: ServiceKind.RECORDS_MANAGER, memberId: "records-manager-1", address }];
    addresses.update(create(DirectorySchema, { version: 1n, entries }));
  }

  /** One whose streams are seen in `streams`. */
  function managerService(streams: ManagerSide[]): Implementation {
    const none = () => {
      throw new AssayError("unimplemented", "not in this test");
    };
    return implement(RecordsManagerService, {
      role: "member",
      handlers: {
        ingestRecords: { onStream: none },
        ingestSamples: {
          onStream(stream) {
            stream.onMessage(({ message }) => {
              if (message.case !== "hello") throw new AssayError("invalid_argument", "no hello");
              if (!isTaking) throw new AssayError("unavailable", "not yet");
              const side: ManagerSide = {
                hello: message.value,
                batches: [],
                ack: (seq) => stream.send({ ackedSeq: BigInt(seq) }),
                break: () => stream.fail(new AssayError("unavailable", "broken by the test")),
              };
              streams.push(side);
              const declared: SampleSeries[] = [];
              const valuesOf = ({ source, values }: Scrape): Value[] =>
                declared
                  .filter((series) => series.source === source)
                  .flatMap(({ subject, name: field }, at) => {
                    const value = values[at];
                    return value === undefined || Number.isNaN(value) ? [] : [{ subject, field, value }];
                  });
              stream.onMessage(({ message: next }) => {
                if (next.case !== "batch") throw new AssayError("invalid_argument", `a ${next.case}`);
                const seq = Number(next.value.seq);
                const { series, scrapes } = next.value;
                declared.push(...series);
                side.batches.push({ seq, scrapes, samples: scrapes.flatMap(valuesOf) });
                if (isAcking) side.ack(seq);
              });
              side.ack(0);
            });
          },
        },
        queryRecords: none,
        streamRecords: none,
        summarizeRecords: none,
        getTimeline: none,
        exportRun: none,
        watchSummary: none,
      },
    });
  }

  const seqsOf = (side: ManagerSide | undefined): number[] => (side?.batches ?? []).map(({ seq }) => seq);
  const energies = (): number[] =>
    manager
      .flatMap(({ batches }) => batches)
      .flatMap(({ samples }) => samples)
      .filter(({ field, subject }, _, all) => field.includes("energy") && subject === all[0]?.subject)
      .map(({ value }) => value);

  it("says what pages there are, and what is wrong with the others", async () => {
    const { sources } = await client.discoverSources({
      urls: [mock.dcgmUrl, "http://127.0.0.1:1/metrics", `${mock.url}/health`],
      timeoutMs: 2000,
    });
    expect(sources.map(({ isPresent }) => isPresent)).to.deep.equal([true, false, false]);
    expect(sources[0]?.subjects).to.have.lengthOf(2);
    expect(sources[0]).to.include({ url: mock.dcgmUrl, kind: "dcgm", reason: "" });
    for (const index of [1, 2]) expect(sources[index]?.reason).not.to.equal("");
  });

  it("says what a source has values of, and that they change while it watches", async () => {
    const [gpus] = (await client.discoverSources({ urls: [mock.dcgmUrl], watchMs: 8_000 })).sources;
    const [server] = (await client.discoverSources({ urls: [`${mock.url}/metrics`] })).sources;
    expect(gpus?.fields.find(({ name }) => name === "nvidia_power_usage")).to.deep.include({
      unit: "W",
      type: "gauge",
      series: 2,
    });
    expect(gpus?.isAgeAtLeast).to.equal(false);
    expect(Number(gpus?.sizeBytes)).to.be.above(1000);
    expect(server?.kind).to.equal("server");
    expect(server?.fields.find(({ commonName }) => commonName === "ttft")?.name).to.equal("vllm:time_to_first_token_seconds");
  });

  it("watches no longer than it may be told to", async () => {
    const error = await client.discoverSources({ watchMs: 60_001 }).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).to.be.instanceOf(AssayError).with.property("code", "invalid_argument");
  });

  it("collects for a run until it is stopped, and every sample is committed then", async () => {
    const { sources } = await client.startCollection({ runId: "r", urls: [mock.dcgmUrl], intervalMs: 50 });
    expect(sources[0]?.isPresent).to.equal(true);
    await until("some scrapes", () => (manager[0]?.batches.length ?? 0) >= 4);
    expect(module.counters?.()).to.include({ collections: 1 });
    const totals = await client.stopCollection({ runId: "r" });
    expect(manager[0]?.hello).to.include({ runId: "r", memberId: "t1" });
    expect(seqsOf(manager[0])).to.deep.equal(seqsOf(manager[0]).map((_, index) => index + 1));
    const samples = manager[0]?.batches.flatMap((batch) => batch.samples) ?? [];
    expect(Number(totals.samples)).to.equal(samples.length);
    expect(totals.gaps).to.equal(0n);
    expect(new Set(samples.map(({ subject }) => subject)).size).to.equal(2);
    expect(module.counters?.()).to.include({ collections: 0, sample_queue: 0 });
  });

  it("stamps samples with suite time, and sees the page move", async () => {
    const beforeNs = clock.now();
    await client.startCollection({ runId: "r", urls: [mock.dcgmUrl], intervalMs: 50 });
    await until("some scrapes", () => (manager[0]?.batches.length ?? 0) >= 4);
    await client.stopCollection({ runId: "r" });
    const afterNs = clock.now();
    for (const { scrapes } of manager[0]?.batches ?? []) {
      for (const { startNs, endNs } of scrapes) {
        expect(startNs).to.be.within(beforeNs, afterNs);
        expect(endNs).to.be.within(startNs, afterNs);
      }
    }
    const energy = energies();
    expect(energy.length).to.be.greaterThan(3);
    expect(energy.at(-1)).to.be.greaterThan(energy[0] ?? Number.POSITIVE_INFINITY);
  });

  it("keeps samples while the manager cannot be had, and sends them in order when it can", async () => {
    isTaking = false;
    await client.startCollection({ runId: "r", urls: [mock.dcgmUrl], intervalMs: 50 });
    await until("some to wait", () => (module.counters?.().sample_queue ?? 0) >= 3);
    isTaking = true;
    await until("them to be sent", () => (manager[0]?.batches.length ?? 0) >= 3);
    await client.stopCollection({ runId: "r" });
    expect(seqsOf(manager[0])).to.deep.equal(seqsOf(manager[0]).map((_, index) => index + 1));
  });

  it("sends what is not acked again when the stream breaks", async () => {
    isAcking = false;
    await client.startCollection({ runId: "r", urls: [mock.dcgmUrl], intervalMs: 50 });
    await until("three batches", () => (manager[0]?.batches.length ?? 0) >= 3);
    manager[0]?.ack(1);
    manager[0]?.break();
    isAcking = true;
    await until("another stream with them", () => (manager[1]?.batches.length ?? 0) >= 2);
    await client.stopCollection({ runId: "r" });
    expect(seqsOf(manager[1])).to.deep.equal(seqsOf(manager[1]).map((_, index) => index + 2));
    // Sources and series were declared anew: no value is without its series.
    for (const { samples } of manager[1]?.batches ?? []) expect(new Set(samples.map(({ subject }) => subject)).size).to.equal(2);
  });

  it("sends to the manager where it is now, when it has come back at another address", async () => {
    await client.startCollection({ runId: "r", urls: [mock.dcgmUrl], intervalMs: 50 });
    await until("a scrape", () => (manager[0]?.batches.length ?? 0) >= 1);
    const moved: ManagerSide[] = [];
    managerIsAt(await serve(managerService(moved)));
    manager[0]?.break();
    await until("scrapes at the new one", () => (moved[0]?.batches.length ?? 0) >= 2);
    expect(manager).to.have.length(1);
  });

  it("shows samples as they come, to the last scrape, to everybody who watches", async () => {
    await client.startCollection({ runId: "r", urls: [mock.dcgmUrl], intervalMs: 50 });
    const watch = async (): Promise<number[]> => {
      const sizes: number[] = [];
      for await (const { samples } of client.watchSamples({ runId: "r" })) sizes.push(samples.length);
      return sizes;
    };
    const watching = Promise.all([watch(), watch()]);
    await until("some scrapes", () => (manager[0]?.batches.length ?? 0) >= 3);
    const stopped = client.stopCollection({ runId: "r" });
    const [first, second] = await watching;
    await stopped;
    expect(first?.length).to.be.greaterThan(1);
    expect(second).to.deep.equal(first);
    const last = manager[0]?.batches.slice(-(first?.length ?? 0)).map(({ samples }) => samples.length);
    expect(first).to.deep.equal(last);
  });

  it("does not read sources at once that were added at once, but for the first time", async () => {
    const urls = ["a", "b"].map((name) => `${mock.dcgmUrl}?${name}`);
    await client.startCollection({ runId: "r", urls, intervalMs: 1000 });
    const order = () => (manager[0]?.batches ?? []).flatMap(({ scrapes }) => scrapes.map(({ source }) => source));
    await until("the third scrape of the second source", () => order().filter((source) => source === 1).length >= 3);
    expect(order().slice(2)).to.deep.equal([1, 0, 1]);
  });

  it("lets a watcher go before the collection ends", async () => {
    await client.startCollection({ runId: "r", urls: [mock.dcgmUrl], intervalMs: 50 });
    for await (const { samples } of client.watchSamples({ runId: "r" })) {
      expect(samples.length).to.be.greaterThan(0);
      break;
    }
    const before = manager[0]?.batches.length ?? 0;
    await until("it to go on", () => (manager[0]?.batches.length ?? 0) > before);
  });

  it("counts scrapes that fail, and goes on", async () => {
    const { sources } = await client.startCollection({
      runId: "r",
      urls: ["http://127.0.0.1:1/metrics", mock.dcgmUrl],
      intervalMs: 50,
    });
    expect(sources.map(({ isPresent }) => isPresent)).to.deep.equal([false, true]);
    await until("samples of the other", () => (manager[0]?.batches.length ?? 0) >= 2);
    const { gaps } = await client.stopCollection({ runId: "r" });
    expect(Number(gaps)).to.be.greaterThan(0);
    const families = module.families();
    const batches = manager[0]?.batches ?? [];
    const scrapes = batches.flatMap((batch) => batch.scrapes);
    const failed = scrapes.filter(({ gap }) => gap !== "");
    expect(failed).to.have.lengthOf(Number(gaps));
    expect(failed[0]?.gap).to.include("ECONNREFUSED");
    expect(countOf(families, "assay_telemetry_scrapes_total", { outcome: "failure" })).to.equal(Number(gaps));
    expect(countOf(families, "assay_telemetry_scrapes_total", { outcome: "samples" })).to.equal(scrapes.length - failed.length);
    const samples = batches.reduce((sum, batch) => sum + batch.samples.length, 0);
    expect(countOf(families, "assay_telemetry_samples_total")).to.equal(samples);
    expect(countOf(families, "assay_telemetry_lost_batches_total")).to.equal(0);
  });

  describe("for a run", () => {
    let workshop: ReturnType<typeof createCertWorkshop>;
    before(() => {
      workshop = createCertWorkshop();
    });
    after(() => workshop.remove());

    /** A page behind TLS, and the authority to trust for it. */
    async function secured(name: string, line: string): Promise<{ readonly url: string; readonly caPem: string }> {
      const ca = workshop.ca(name);
      const page = await servePages((_, response) => response.end(`${line}\n`), ca.issue(name, "IP:127.0.0.1"));
      harness.onClose(() => page.close());
      return { url: page.url, caPem: ca.cert };
    }

    async function configured(spec: MessageInitShape<typeof RunSpecSchema>): Promise<void> {
      const value = { spec: create(RunSpecSchema, spec) };
      const command = create(CommandSchema, { runId: "r", action: { case: "configure", value } });
      await module.onCommand?.(command, AbortSignal.timeout(20_000));
    }

    const fieldsSeen = (): string[] =>
      [...new Set(manager.flatMap(({ batches }) => batches.flatMap(({ samples }) => samples.map(({ field }) => field))))].sort();

    it("asks the target's own page as the target is asked, and others as the run says for them", async () => {
      const [target, other] = [await secured("target", "of_target 1"), await secured("other", "of_other 1")];
      const urls = [{ url: target.url.replace("/metrics", "/v1") }];
      const telemetry = { disableGpu: true, serverMetricsUrls: [other.url], intervalMs: 50 };
      const tls = { caPem: target.caPem };
      await configured({ target: { urls, tls }, telemetry: { ...telemetry, tls: { caPem: other.caPem } } });
      await until("both", () => fieldsSeen().length === 2);
      expect(fieldsSeen()).to.deep.equal(["of_other", "of_target"]);
      await client.stopCollection({ runId: "r" });
      manager.length = 0;
      await configured({ target: { urls, tls }, telemetry });
      const scrapes = () => manager.flatMap(({ batches }) => batches.flatMap((batch) => batch.scrapes));
      await until("a scrape of each", () => fieldsSeen().length === 1 && scrapes().some(({ gap }) => gap !== ""));
      expect(fieldsSeen()).to.deep.equal(["of_target"]);
      await client.stopCollection({ runId: "r" });
    });

    it("asks a page once that is named and would be tried anyway", async () => {
      const urls = [{ url: mock.url }];
      await configured({ target: { urls }, telemetry: { disableGpu: true, serverMetricsUrls: [mock.url], intervalMs: 50 } });
      await until("some scrapes", () => (manager[0]?.batches.length ?? 0) >= 4);
      await client.stopCollection({ runId: "r" });
      const sources = new Set(
        manager.flatMap(({ batches }) => batches.flatMap(({ scrapes }) => scrapes.map(({ source }) => source))),
      );
      expect(sources.size).to.equal(1);
    });
  });

  it("refuses what makes no sense", async () => {
    const urls = [mock.dcgmUrl];
    expect((await failureOf(client.startCollection({ runId: "r", urls, intervalMs: 49 }))).code).to.equal("invalid_argument");
    expect((await failureOf(client.stopCollection({ runId: "r" }))).code).to.equal("not_found");
    const watching = (async () => {
      for await (const _ of client.watchSamples({ runId: "r" }));
    })();
    expect((await failureOf(watching)).code).to.equal("not_found");
    await client.startCollection({ runId: "r", urls, intervalMs: 50 });
    expect((await failureOf(client.startCollection({ runId: "r", urls }))).code).to.equal("already_exists");
  });

  it("takes 1024 pages of one call and collects for 32 runs, also where more are asked for at the same moment", async () => {
    const urls = Array<string>(1025).fill(mock.dcgmUrl);
    for (const call of [client.discoverSources({ urls }), client.startCollection({ runId: "r", urls })]) {
      const error = await failureOf(call);
      expect([error.code, error.message]).to.deep.equal(["invalid_argument", "urls: at most 1024 pages, got 1025"]);
    }
    addresses.update(create(DirectorySchema, { version: 2n, entries: [] }));
    const starts = Array.from({ length: 40 }, (_, run) =>
      client.startCollection({ runId: `r${run}`, urls: [mock.dcgmUrl], intervalMs: 1000 }).then(
        () => "started",
        ({ code, message }: AssayError) => `${code}: ${message}`,
      ),
    );
    const refused = "resource_exhausted: 32 runs are being collected for, at most 32 may be";
    expect(await Promise.race(starts.slice(32))).to.equal(refused);
    const address = await serve(managerService(manager));
    const entries = [{ service: ServiceKind.RECORDS_MANAGER, memberId: "records-manager-1", address }];
    addresses.update(create(DirectorySchema, { version: 3n, entries }));
    const outcomes = await Promise.all(starts);
    expect(outcomes.filter((outcome) => outcome === "started")).to.have.lengthOf(32);
    expect(outcomes.filter((outcome) => outcome === refused)).to.have.lengthOf(8);
  });

  it("ends what it collects, and its watchers, with its process", async () => {
    await client.startCollection({ runId: "r", urls: [mock.dcgmUrl], intervalMs: 50 });
    const watching = (async () => {
      for await (const _ of client.watchSamples({ runId: "r" }));
    })();
    await until("a scrape", () => (manager[0]?.batches.length ?? 0) >= 1);
    await module.stop(1000);
    await watching;
    expect(module.counters?.()).to.include({ collections: 0 });
  });

  it("ends with its process what still waits for the manager, and dials nobody then", async () => {
    isAcking = false;
    await client.startCollection({ runId: "r", urls: [mock.dcgmUrl], intervalMs: 50 });
    await until("a batch", () => (manager[0]?.batches.length ?? 0) >= 1);
    const finish = create(CommandSchema, { runId: "r", action: { case: "finish", value: {} } });
    const stopping = module.onCommand?.(finish, new AbortController().signal);
    await module.stop(0);
    manager[0]?.break();
    await stopping;
    // Longer than a stream is left alone before another is opened.
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(manager).to.have.length(1);
    expect(module.counters?.()).to.include({ collections: 0 });
  });
});
