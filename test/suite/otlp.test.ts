/** A whole run that exports traces and metrics, as its collector sees it. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect } from "chai";
import type { Instrument } from "../../services/common/observe/instrument.ts";
import { otlpNameOf } from "../../services/common/observe/otlp-name.ts";
import { instrumentTables } from "../../services/instruments.ts";
import { type CollectedSpan, type Collector, startCollector } from "../support/otlp-collector.ts";
import { endsWithinMs, runFile, useStage } from "../support/suite.ts";

const secret = "k3y-of-the-collector";
const outerTrace = "0af7651916cd43dd8448eb211c80319c";
const outerSpan = "b7ad6b7169203331";
const run = [
  ...["run", "-m", "mock", "--mock", "--streaming", "--ui", "none", "--no-gpu-telemetry"],
  ...["--concurrency", "4", "--workers-max", "2", "--osl", "8", "--request-count", "20", "--warmup-request-count", "4"],
  ...["--artifact-dir", "out", "--log-file", "suite.log"],
];

/** Everything that a command wrote into its folder. */
function filesOf(folder: string): string {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => readFileSync(join(parentPath, name), "latin1"))
    .join("\n");
}

describe("a run that is watched by OpenTelemetry", function () {
  this.timeout(2 * endsWithinMs);
  const stage = useStage();
  let collector: Collector;
  beforeEach(async () => {
    collector = await startCollector();
  });
  afterEach(() => collector.stop());

  const named = (name: string): CollectedSpan[] => collector.spans.filter((span) => span.name === name);
  function only(name: string): CollectedSpan {
    const spans = named(name);
    expect(spans, `spans named ${name}`).to.have.lengthOf(1);
    return spans[0]!;
  }

  it("sends its spans, each a part of what it is a part of, and its metrics, of every process", async () => {
    const command = stage.start(run, stage.folder, {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_EXPORTER_OTLP_HEADERS: `api-key=${secret}`,
      OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=test",
      TRACEPARENT: `00-${outerTrace}-${outerSpan}-01`,
    });
    const { code, stdout, stderr } = await command.exit();
    expect(code, stderr).to.equal(0);
    expect(collector.formats).to.deep.equal(new Set(["application/json"]));

    // The run, continued from the environment, with its steps.
    const create = only("assay.controller.v1.RunService/DriveRun");
    expect(create).to.include({ service: "assay-controller", kind: 2, traceId: outerTrace, parentId: outerSpan });
    const whole = only("run");
    expect(whole).to.deep.include({ kind: 1, parentId: create.spanId, status: { code: 0, message: "" } });
    expect(whole.attributes).to.include({ "assay.run.state": "completed" });
    for (const name of ["prepare dataset", "prepare workers", "phase warmup", "phase profiling", "process"]) {
      const step = only(name);
      expect(step, name).to.include({ parentId: whole.spanId, traceId: outerTrace, service: "assay-controller" });
      expect(step.startNs >= whole.startNs && step.endNs <= whole.endNs, `${name} lies within the run`).to.equal(true);
    }

    // What the steps made other processes do, and what those asked of each other.
    const byId = new Map(collector.spans.map((span) => [span.spanId, span]));
    const started = named("command startPhase").filter(({ service }) => service === "assay-timing");
    expect(started.map(({ parentId }) => byId.get(parentId)?.name)).to.have.members(["phase warmup", "phase profiling"]);
    for (const [method, caller, callee] of [
      ["assay.timing.v1.TimingService/Credits", "assay-worker", "assay-timing"],
      ["assay.dataset.v1.DatasetService/FetchTurns", "assay-worker", "assay-controller"],
      ["assay.record_processor.v1.RecordProcessorService/ProcessRecords", "assay-worker", "assay-records-manager"],
    ] as const) {
      // The records-manager asks for turns as well, for the file of inputs.
      const clients = named(method).filter(({ kind, service }) => kind === 3 && service === caller);
      expect(clients, method).to.not.have.lengthOf(0);
      for (const { spanId, parentId } of clients) {
        const server = collector.spans.find((span) => span.parentId === spanId);
        expect(server, method).to.include({ name: method, kind: 2, service: callee });
        expect(byId.get(parentId)?.name).to.equal("command configure");
      }
    }
    for (const span of collector.spans.filter(({ parentId }) => parentId !== outerSpan)) {
      const parent = byId.get(span.parentId);
      expect(parent?.traceId, `${span.name} of ${span.service} is a part of something that was sent`).to.equal(span.traceId);
    }

    // Requests, of their phase.
    const chats = named("chat mock");
    expect(chats).to.have.lengthOf(24);
    const phaseOf = (span: CollectedSpan) => byId.get(span.parentId)?.name;
    expect(chats.filter((span) => phaseOf(span) === "phase warmup")).to.have.lengthOf(4);
    expect(chats.filter((span) => phaseOf(span) === "phase profiling")).to.have.lengthOf(20);
    for (const chat of chats) {
      expect(chat).to.include({ kind: 3, service: "assay-records-manager" });
      expect(chat.attributes).to.include({ "gen_ai.request.model": "mock", "gen_ai.usage.output_tokens": 8 });
      const phase = byId.get(chat.parentId)!;
      expect(chat.startNs >= phase.startNs && chat.endNs <= phase.endNs, "a request lies within its phase").to.equal(true);
    }

    // Metrics: the tables, with the numbers of the run.
    const metrics = collector.metrics();
    const total = (name: string): number =>
      metrics
        .filter((metric) => metric.name === name)
        .flatMap(({ points }) => points)
        .reduce((sum, { value }) => sum + value, 0);
    const tables = Object.values(instrumentTables).flatMap((table) => Object.entries<Instrument>(table));
    const expected = new Map(tables.map(([name, instrument]) => [otlpNameOf(name, instrument), instrument]));
    for (const { name, unit, kind } of metrics) {
      const instrument = expected.get(name);
      expect([unit, kind], name).to.deep.equal([instrument?.unit, instrument?.kind === "counter" ? "sum" : instrument?.kind]);
    }
    expect(new Set(metrics.map(({ name }) => name))).to.deep.equal(new Set(expected.keys()));
    for (const name of [
      "assay.timing.issued_credits",
      "assay.worker.sent_requests",
      "assay.worker.records",
      "assay.record_processor.processed_records",
      "assay.records_manager.committed_rows",
    ]) {
      expect(total(name), name).to.equal(24);
    }

    // Every process says who it is, and nobody tells the key.
    const services = ["assay-controller", "assay-records-manager", "assay-timing", "assay-worker"];
    for (const sent of [collector.spans, metrics]) {
      expect([...new Set(sent.map(({ service }) => service))].sort()).to.deep.equal(services);
    }
    const { resource } = whole;
    expect(resource).to.include({ "deployment.environment.name": "test" });
    expect(resource["assay.services"]).to.equal("controller,dataset,worker-manager,telemetry");
    expect(collector.keys).to.deep.equal(new Set([secret]));
    for (const written of [stdout, stderr, filesOf(stage.folder)]) expect(written.includes(secret)).to.equal(false);
  });

  for (const [protocol, format] of [
    ["http/protobuf", "application/x-protobuf"],
    ["grpc", "grpc"],
  ] as const) {
    it(`speaks ${protocol}`, async () => {
      const { code, stderr } = await stage
        .start(run, stage.folder, {
          OTEL_EXPORTER_OTLP_ENDPOINT: protocol === "grpc" ? collector.grpcUrl : collector.url,
          OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
          OTEL_EXPORTER_OTLP_HEADERS: `api-key=${secret}`,
          OTEL_SERVICE_NAME: "bench",
        })
        .exit();
      expect(code, stderr).to.equal(0);
      expect(collector.formats).to.deep.equal(new Set([format]));
      expect(collector.keys).to.deep.equal(new Set([secret]));
      expect(only("phase profiling")).to.include({ parentId: only("run").spanId, service: "bench" });
      expect(named("chat mock")).to.have.lengthOf(24);
      const [rows] = collector.metrics().filter(({ name }) => name === "assay.records_manager.committed_rows");
      expect(rows).to.deep.include({ kind: "sum", points: [{ attributes: {}, value: 24 }] });
    });
  }

  it("ends as any other where its collector takes connections and says nothing, and says so once in each process", async () => {
    const silent = createServer((socket) => socket.on("error", () => {}));
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const address = silent.address();
    const port = typeof address === "object" ? address?.port : 0;
    try {
      const command = stage.start(run, stage.folder, { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` });
      const { code, stderr } = await command.exit();
      expect(code, stderr).to.equal(0);
      expect(runFile(join(stage.folder, "out"))).to.include({ state: "COMPLETED", rows: 24 });
      const lines = readFileSync(join(stage.folder, "suite.log"), "utf8").trim().split("\n");
      const complaints = lines.map((line) => JSON.parse(line)).filter(({ service }) => service === "otel");
      expect(complaints.map(({ message }) => message)).to.include(
        "the collector has not taken everything in time; the rest is dropped",
      );
      expect(new Set(complaints.map(({ pid }) => pid)).size).to.equal(complaints.length);
    } finally {
      silent.close();
    }
  });

  it("ends as any other where nobody listens at the collector's address", async () => {
    const closed = createServer();
    await new Promise<void>((resolve) => closed.listen(0, "127.0.0.1", resolve));
    const address = closed.address();
    const port = typeof address === "object" ? address?.port : 0;
    await new Promise((resolve) => closed.close(resolve));
    const command = stage.start(run, stage.folder, { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` });
    const { code, stderr } = await command.exit();
    expect(code, stderr).to.equal(0);
    expect(runFile(join(stage.folder, "out"))).to.include({ state: "COMPLETED", rows: 24 });
  });
});

describe("a run that nobody watches", function () {
  this.timeout(endsWithinMs);
  const stage = useStage();

  /** Has every process write down what it loads. */
  async function loadedBy(env: Readonly<Record<string, string>>): Promise<string[]> {
    const records = join(stage.folder, "loaded");
    mkdirSync(records);
    const hook = join(stage.folder, "hook.mjs");
    writeFileSync(
      hook,
      `import { appendFileSync } from "node:fs";
       import { registerHooks } from "node:module";
       registerHooks({
         resolve(specifier, context, next) {
           const found = next(specifier, context);
           appendFileSync(${JSON.stringify(records)} + "/" + process.pid, found.url + "\\n");
           return found;
         },
       });`,
    );
    const command = stage.start(run, stage.folder, { ...env, NODE_OPTIONS: `--import ${hook}` });
    const { code, stderr } = await command.exit();
    expect(code, stderr).to.equal(0);
    const files = existsSync(records) ? readdirSync(records) : [];
    // The command, the built-in server, the suite's three processes, a worker at least.
    expect(files.length).to.be.at.least(6);
    return files.flatMap((file) => readFileSync(join(records, file), "utf8").trim().split("\n"));
  }

  const watching = (urls: readonly string[]) => urls.filter((url) => /@opentelemetry|prom-client|observe\/(otel|page)/.test(url));

  it("loads not one module of OpenTelemetry or of the metrics page in any of its processes", async () => {
    const loaded = await loadedBy({});
    expect(loaded.length).to.be.greaterThan(500);
    expect(watching(loaded)).to.deep.equal([]);
  });

  it("loads none where OpenTelemetry is switched off, whatever else is set", async () => {
    const off = { OTEL_SDK_DISABLED: "true", OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1" };
    expect(watching(await loadedBy(off)).filter((url) => !url.endsWith("otel/settings.ts"))).to.deep.equal([]);
  });

  it("would be seen to load them", async () => {
    const on = { OTEL_TRACES_EXPORTER: "otlp", OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1" };
    expect(watching(await loadedBy(on)).join("\n")).to.contain("@opentelemetry/sdk-trace");
  });
});
