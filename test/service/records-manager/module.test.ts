import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import Database from "better-sqlite3";
import { expect } from "chai";
import { PhaseKind, ServiceKind } from "../../../gen/assay/common/v1/common_pb.js";
import { RunSpecSchema } from "../../../gen/assay/common/v1/run_spec_pb.js";
import { DirectorySchema, RunState } from "../../../gen/assay/controller/v1/controller_pb.js";
import { CommandSchema, type MemberEvent } from "../../../gen/assay/controller/v1/controller_service_pb.js";
import { DatasetInfoSchema } from "../../../gen/assay/dataset/v1/dataset_pb.js";
import { Verdict } from "../../../gen/assay/records_manager/v1/record_pb.js";
import {
  RecordsManagerService,
  type SampleBatchSchema,
} from "../../../gen/assay/records_manager/v1/records_manager_service_pb.js";
import { recordMetrics } from "../../../metrics/catalog.ts";
import type { AssayError } from "../../../services/common/errors.ts";
import { silentLogger } from "../../../services/common/logger.ts";
import { type Addresses, createAddresses } from "../../../services/common/member/addresses.ts";
import { MeasuredSuiteClock } from "../../../services/common/member/suite-clock.ts";
import type { MetricRecord } from "../../../services/common/metric-record.ts";
import { wireRecordOf } from "../../../services/common/metric-record-codec.ts";
import type { CommandOutcome, ServiceModule } from "../../../services/common/module.ts";
import { type Client, createClient } from "../../../services/common/rpc/client.ts";
import { createRpcServer, type RpcServer } from "../../../services/common/rpc/server.ts";
import { protocolVersion } from "../../../services/common/version.ts";
import { createDatasetService } from "../../../services/dataset/service.ts";
import { createRecordsManagerModule } from "../../../services/records-manager/module.ts";
import { FakeTracer } from "../../support/fake-tracer.ts";
import { countOf } from "../../support/families.ts";
import { storedDataset } from "../../support/stored-dataset.ts";
import { cancelled, failed, METRIC_TAGS, record, START_NS, WALL_OFFSET_NS } from "../../unit/records-manager/records.ts";
import { failureOf, gather, until } from "../rpc/harness.ts";
import { type RunFolder, temporaryFolder } from "./run-fixture.ts";

type Action = Exclude<MessageInitShape<typeof CommandSchema>, { $typeName: string }>["action"];

describe("the records-manager", () => {
  let base: RunFolder;
  let module: ServiceModule;
  let addresses: Addresses;
  let server: RpcServer;
  let client: Client<typeof RecordsManagerService>;
  const reports: { event: MemberEvent["event"]; runId: string }[] = [];

  beforeEach(async () => {
    base = temporaryFolder();
    reports.length = 0;
    await open();
  });
  afterEach(async () => {
    await close();
    base.remove();
  });

  /** A process of the records-manager, with nothing in memory. */
  async function open(tracer?: FakeTracer): Promise<void> {
    const clock = new MeasuredSuiteClock();
    clock.share();
    addresses = createAddresses({ token: undefined });
    module = createRecordsManagerModule({
      log: silentLogger,
      clock,
      addresses,
      runsDir: base.folder,
      folderInCatalog: async () => undefined,
      ...(tracer === undefined ? {} : { tracer }),
      report: (event, runId) => reports.push({ event, runId }),
    });
    server = createRpcServer({ services: module.implementations, listen: {}, auth: { insecure: true }, log: silentLogger });
    client = createClient(RecordsManagerService, { address: (await server.start()).address });
  }

  async function close(): Promise<void> {
    client.close();
    addresses.close();
    await module.stop(0);
    await server.stop(0);
  }

  const folderOf = (runId: string) => join(base.folder, runId);

  async function command(
    action: Action,
    runId = "run-1",
    traceContext: Record<string, string> = {},
  ): Promise<CommandOutcome | undefined> {
    return module.onCommand?.(
      create(CommandSchema, {
        commandId: 1n,
        runId,
        service: ServiceKind.RECORDS_MANAGER,
        traceContext,
        ...(action === undefined ? {} : { action }),
      }),
      AbortSignal.timeout(5000),
    );
  }

  async function configure(runId = "run-1", exportLevel = "records", more: object = {}, type = ""): Promise<void> {
    const spec = create(RunSpecSchema, {
      models: ["m"],
      target: { apiKey: "s3cret", urls: [{ url: "https://h.example/v1" }] },
      phases: [
        { name: "warmup", kind: PhaseKind.WARMUP },
        { name: "profiling", kind: PhaseKind.PROFILING },
      ],
      output: { exportLevel },
      endpoint: { type },
    });
    await command({ case: "configure", value: { spec, folder: folderOf(runId), createWallNs: 1e18, ...more } }, runId);
  }

  const accountOf = (phase: number, first: number, last: number, change: object = {}): Action => ({
    case: "closePhase",
    value: {
      source: { case: "account", value: { phase, drawn: [{ first: BigInt(first), last: BigInt(last) }], ...change } },
    },
  });
  const finish = (state = RunState.COMPLETED): Action => ({ case: "finish", value: { state, reason: "" } });

  /** A record-processor's stream. */
  function ingest(runId = "run-1", tags: string[] = METRIC_TAGS, version = protocolVersion) {
    const stream = client.ingestRecords();
    const acks: { seq: number; duplicates: number; late: number }[] = [];
    const closed = Promise.withResolvers<AssayError | undefined>();
    stream.onMessage(({ ackedSeq, duplicates, late }) =>
      acks.push({ seq: Number(ackedSeq), duplicates: Number(duplicates), late: Number(late) }),
    );
    stream.onClose((error) => closed.resolve(error));
    stream.send({ message: { case: "hello", value: { protocolVersion: version, runId, memberId: "rp-1", tags } } });
    let seq = 0;
    return {
      acks,
      closed: closed.promise,
      stream,
      send(records: MetricRecord[]): void {
        const value = { seq: BigInt(++seq), records: records.map((each) => wireRecordOf(each, "rp-1")) };
        stream.send({ message: { case: "batch", value } });
      },
      acked: (count: number) => until(`ack ${count}`, () => acks.some((ack) => ack.seq >= count)),
    };
  }

  const ttft = { time_to_first_token: 10, output_sequence_length: 3 };
  const measured = (creditId: number, overrides: object = {}) => record(creditId, { phase: 1, ...overrides });

  /** Ten records of the measured phase, committed and accounted for. */
  async function played(runId = "run-1", more: object = {}): Promise<void> {
    await configure(runId, "records", more);
    const processor = ingest(runId);
    processor.send(Array.from({ length: 10 }, (_, index) => measured(index + 1)));
    await processor.acked(1);
    await command(accountOf(1, 1, 10), runId);
    processor.stream.end();
  }

  describe("makes spans of requests", () => {
    let tracer: FakeTracer;
    beforeEach(async () => {
      await close();
      tracer = new FakeTracer();
      await open(tracer);
    });

    const startPhase = (phase: number, traceparent: string) =>
      command({ case: "startPhase", value: { phase } }, "run-1", { traceparent });

    it("as parts of their phase, by the conventions for generative AI, once they are committed", async () => {
      await configure();
      await startPhase(0, "warmup-span");
      await startPhase(1, "profiling-span");
      const processor = ingest();
      const asked = { requestedOutputTokens: 8, dueNs: START_NS + 99e6, metrics: { ...ttft, input_sequence_length: 7 } };
      processor.send([measured(1, asked), record(2, { isStreaming: false })]);
      await processor.acked(1);
      const [first, second] = tracer.named("chat m");
      expect(first).to.include({ kind: "client", parent: "profiling-span", ends: 1, error: undefined });
      expect(first!.attributes).to.deep.equal({
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "m",
        "server.address": "h.example",
        "server.port": 443,
        "gen_ai.conversation.id": "session-1",
        "gen_ai.request.stream": true,
        "gen_ai.request.max_tokens": 8,
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.usage.input_tokens": 7,
        "gen_ai.usage.output_tokens": 3,
        "gen_ai.response.time_to_first_chunk": 0.01,
        "http.response.status_code": 200,
        "assay.lateness": 0.001,
        "assay.credit.id": 1,
        "assay.worker.id": "worker-1",
      });
      const sentWallNs = START_NS + 100e6 + WALL_OFFSET_NS;
      expect(first).to.include({ startWallNs: sentWallNs, endWallNs: sentWallNs + 41e6 });
      expect(second).to.include({ parent: "warmup-span" });
      expect(second!.attributes).to.not.have.any.keys("gen_ai.response.time_to_first_chunk", "assay.lateness");
    });

    const spoken = [
      { type: "messages", operation: "chat", provider: "anthropic" },
      { type: "nim_embeddings", operation: "embeddings", provider: "openai" },
      { type: "my-api", operation: "my-api", provider: "openai" },
    ];
    for (const { type, operation, provider } of spoken) {
      it(`of the endpoint ${type} as ${operation} of ${provider}`, async () => {
        await configure("run-1", "records", {}, type);
        const processor = ingest();
        processor.send([record(1)]);
        await processor.acked(1);
        const [span] = tracer.named(`${operation} m`);
        expect(span!.attributes).to.include({ "gen_ai.operation.name": operation, "gen_ai.provider.name": provider });
      });
    }

    it("with the error of those that failed", async () => {
      await configure();
      const processor = ingest();
      processor.send([failed(1, { phase: 1 })]);
      await processor.acked(1);
      const [span] = tracer.named("chat m");
      expect(span!.error).to.include({ code: "http_5xx", message: "503 overloaded" });
      expect(span!.attributes).to.include({ "http.response.status_code": 503 });
      expect(span!.attributes).to.not.have.any.keys("gen_ai.usage.output_tokens", "gen_ai.response.finish_reasons");
    });

    it("of a sample of many, failures by themselves, and of each once", async () => {
      await configure();
      const processor = ingest();
      const many = Array.from({ length: 1001 }, (_, index) => measured(index + 1));
      processor.send(many);
      processor.send(many);
      processor.send([failed(2000, { phase: 1 })]);
      await processor.acked(3);
      const ids = tracer.named("chat m").map(({ attributes }) => Number(attributes["assay.credit.id"]));
      expect(new Set(ids).size).to.equal(ids.length);
      expect(ids.length).to.be.within(300, 500);
      expect(ids).to.include.members([1, 2, 3, 2000]);
    });
  });

  describe("takes records", () => {
    it("and acks a batch once it is committed, for any reader of the file", async () => {
      await configure();
      const processor = ingest();
      await processor.acked(0);
      processor.send([measured(1), measured(2)]);
      await processor.acked(1);
      const db = new Database(join(folderOf("run-1"), "run.db"), { readonly: true });
      expect(db.prepare("SELECT count(*) FROM requests").pluck().get()).to.equal(2);
      db.close();
      expect(processor.acks.at(-1)).to.deep.equal({ seq: 1, duplicates: 0, late: 0 });
      expect(module.counters?.()).to.include({ committed_rows: 2, pending_rows: 0 });
    });

    it("once: the same record again is acked as a duplicate, on any stream", async () => {
      await configure();
      const first = ingest();
      first.send([measured(1), measured(1)]);
      await first.acked(1);
      const second = ingest();
      second.send([measured(1), measured(2)]);
      await second.acked(1);
      expect([first.acks.at(-1)?.duplicates, second.acks.at(-1)?.duplicates]).to.deep.equal([1, 1]);
      expect(module.counters?.().committed_rows).to.equal(2);
    });

    it("after their phase was closed apart, and acks them as late", async () => {
      await configure();
      const processor = ingest();
      processor.send([measured(1)]);
      await processor.acked(1);
      await command(accountOf(1, 1, 1));
      processor.send([measured(2)]);
      await processor.acked(2);
      expect(processor.acks.at(-1)).to.include({ late: 1 });
      expect((await client.summarizeRecords({ runId: "run-1", phase: "profiling" })).phases[0]?.identity).to.include({
        succeeded: 1n,
        late: 1n,
      });
    });

    it("and counts those that were committed, came again or came late, over runs", async () => {
      const count = (name: string) => countOf(module.families(), `assay_records_manager_${name}`);
      await played("run-1");
      await command(finish(), "run-1");
      await configure("run-2");
      const processor = ingest("run-2");
      processor.send([measured(1), measured(1), measured(2)]);
      await processor.acked(1);
      expect([count("committed_rows_total"), count("duplicate_records_total")]).to.deep.equal([12, 1]);
      expect([count("runs"), count("processor_streams"), count("pending_rows")]).to.deep.equal([1, 1, 0]);
      expect(count("commit_seconds")).to.be.at.least(2);
      await command(accountOf(1, 1, 2), "run-2");
      processor.send([measured(3)]);
      await processor.acked(2);
      expect(count("late_records_total")).to.equal(1);
      processor.stream.end();
      await until("the end of the stream", () => count("processor_streams") === 0);
    });

    it("only of a run that is configured: others are told to dial again", async () => {
      expect(await ingest("nobody").closed).to.include({ code: "unavailable" });
    });

    it("only of this protocol version, with this catalog of metrics, after a hello", async () => {
      await configure();
      expect(await ingest("run-1", METRIC_TAGS, 99).closed).to.include({ code: "failed_precondition" });
      const tags = [...METRIC_TAGS];
      tags[2] = "another";
      const wrong = await ingest("run-1", tags).closed;
      expect(wrong?.message).to.equal(`metric 2 is another at the sender, ${METRIC_TAGS[2]} here`);
      const more = await ingest("run-1", [...METRIC_TAGS, "more"]).closed;
      expect(more).to.include({ code: "failed_precondition" });
      const stream = client.ingestRecords();
      const closed = new Promise((resolve) => stream.onClose(resolve));
      stream.onMessage(() => {});
      stream.send({ message: { case: "batch", value: {} } });
      expect(await closed).to.include({ code: "invalid_argument" });
    });

    it("and ends the stream of whoever has nothing more, after the last ack", async () => {
      await configure();
      const processor = ingest();
      processor.send([measured(1)]);
      await processor.acked(1);
      processor.stream.end();
      expect(await processor.closed).to.equal(undefined);
    });

    it("no longer once its file cannot be written: the stream and the controller are told", async () => {
      await configure();
      const processor = ingest();
      processor.send([measured(1)]);
      await processor.acked(1);
      const db = new Database(join(folderOf("run-1"), "run.db"));
      db.exec("DROP TABLE requests");
      db.close();
      processor.send([measured(2)]);
      const error = await processor.closed;
      expect(error?.message).to.include(join(folderOf("run-1"), "run.db"));
      expect(reports.map(({ event, runId }) => [event.case, runId])).to.deep.equal([["failed", "run-1"]]);
      const next = ingest();
      next.send([measured(3)]);
      expect((await next.closed)?.message).to.equal(error?.message);
      expect(await failureOf(command(accountOf(1, 1, 1)))).to.have.property("message", error?.message);
      expect(reports).to.have.length(1);
    });
  });

  describe("closes a phase", () => {
    it("once every record is there, with all of its counts", async () => {
      await configure();
      const closing = command(accountOf(1, 1, 5, { unused: [{ first: 4n, last: 4n }], dropped: [{ first: 5n, last: 5n }] }));
      const processor = ingest();
      processor.send([measured(1), failed(2, { phase: 1 })]);
      await processor.acked(1);
      let isClosed = false;
      void closing.then(() => {
        isClosed = true;
      });
      await client.summarizeRecords({ runId: "run-1", phase: "" });
      expect(isClosed).to.equal(false);
      processor.send([{ ...cancelled(3), phase: 1 }]);
      const outcome = await closing;
      expect(outcome?.case === "identity" && outcome.value).to.include({
        drawn: 5n,
        unused: 1n,
        dropped: 1n,
        succeeded: 1n,
        errored: 1n,
        cancelled: 1n,
        missingRecord: 0n,
        conflicts: 0n,
      });
    });

    it("and answers the same account the same again", async () => {
      await configure();
      const processor = ingest();
      processor.send([measured(1)]);
      await processor.acked(1);
      const first = await command(accountOf(1, 1, 1));
      expect(await command(accountOf(1, 1, 1))).to.deep.equal(first);
      expect(first?.case === "identity" && first.value.succeeded).to.equal(1n);
    });

    it("from its rows and timing's last word, where no account will come", async () => {
      await configure();
      const processor = ingest();
      processor.send([measured(1)]);
      await processor.acked(1);
      const value = { phase: 1, lastDrawn: 3n, drawn: 3n, sent: 1n, ranges: [{ first: 1n, last: 3n }] };
      const outcome = await command({ case: "closePhase", value: { source: { case: "heartbeat", value } } });
      expect(outcome?.case === "identity" && outcome.value).to.include({ drawn: 3n, succeeded: 1n, unaccounted: 2n });
    });

    it("only with an account or a last word, of a run that is written here", async () => {
      await configure();
      expect(await failureOf(command({ case: "closePhase", value: {} }))).to.include({ code: "invalid_argument" });
      expect(await failureOf(command(accountOf(0, 1, 1), "nobody"))).to.include({ code: "not_found" });
    });
  });

  describe("started again in the middle of a run", () => {
    /** Its process is killed: the next one finds what was committed. */
    async function restart(): Promise<void> {
      await close();
      await open();
    }

    it("goes on with the file that it finds: rows stay, the same record is a duplicate", async () => {
      await configure();
      const before = ingest();
      before.send([measured(1), measured(2)]);
      await before.acked(1);
      await restart();
      await configure();
      const after = ingest();
      after.send([measured(2), measured(3)]);
      await after.acked(1);
      expect(after.acks.at(-1)).to.include({ duplicates: 1 });
      const outcome = await command(accountOf(1, 1, 3));
      expect(outcome?.case === "identity" && outcome.value.succeeded).to.equal(3n);
    });

    it("answers for phases that the one before it closed", async () => {
      await configure();
      const processor = ingest();
      processor.send([measured(1)]);
      await processor.acked(1);
      const first = await command(accountOf(1, 1, 1));
      await restart();
      await configure();
      const value = { phase: 1, lastDrawn: 9n, ranges: [{ first: 1n, last: 9n }] };
      expect(await command({ case: "closePhase", value: { source: { case: "heartbeat", value } } })).to.deep.equal(first);
      expect(await command(accountOf(1, 1, 1))).to.deep.equal(first);
    });

    it("finishes the run as if it had written all of it", async () => {
      await played();
      await restart();
      await configure();
      await command(finish());
      const { phases, verdict } = await client.summarizeRecords({ runId: "run-1" });
      expect(phases.find(({ name }) => name === "profiling")?.identity?.succeeded).to.equal(10n);
      expect(verdict?.verdict).to.not.equal(Verdict.UNSPECIFIED);
    });

    it("never writes into another run's file, nor into that of a run that has ended", async () => {
      await played();
      const spec = create(RunSpecSchema, { models: ["m"] });
      const intrude = command({ case: "configure", value: { spec, folder: folderOf("run-1") } }, "run-2");
      expect(await failureOf(intrude)).to.include({ code: "already_exists" });
      await command(finish());
      await restart();
      expect(await failureOf(configure())).to.include({ code: "already_exists" });
    });

    it("can be configured twice in one life", async () => {
      await played();
      await configure();
      expect(module.counters?.().committed_rows).to.equal(10);
    });
  });

  describe("finishes a run", () => {
    it("with its files, and leaves its database whole by itself", async () => {
      await played();
      await command(finish());
      expect(readdirSync(folderOf("run-1")).sort()).to.deep.equal([
        "profile_export.jsonl",
        "profile_export_aiperf.csv",
        "profile_export_aiperf.json",
        "profile_export_console.txt",
        "run.db",
        "run_config.json",
      ]);
      expect(
        readFileSync(join(folderOf("run-1"), "profile_export.jsonl"), "utf8")
          .trim()
          .split("\n"),
      ).to.have.length(10);
      expect(readFileSync(join(folderOf("run-1"), "run.db"), "latin1")).to.not.include("s3cret");
    });

    it("with the bodies of its requests, fetched from the dataset service, under the names that this gives", async () => {
      const message = { role: "user", content: "hello" } as const;
      const turn = { messages: [message], inputTokens: 1, maxOutputTokens: 4, delayMs: 0 };
      const found = { info: create(DatasetInfoSchema), dataset: storedDataset(Array.from({ length: 99 }, () => [turn])) };
      const unasked = () => {
        throw new Error("nobody asks for this");
      };
      const dataset = createRpcServer({
        services: [createDatasetService({ find: (id) => (id === "d" ? found : undefined), prepare: unasked, remove: unasked })],
        listen: {},
        auth: { insecure: true },
        log: silentLogger,
      });
      const { address } = await dataset.start();
      addresses.update(create(DirectorySchema, { entries: [{ service: ServiceKind.DATASET, address }] }));
      await played("run-1", { dataset: { datasetId: "d", conversations: 99n, turnsEach: 1 } });
      await command(finish());
      const { data } = JSON.parse(readFileSync(join(folderOf("run-1"), "inputs.json"), "utf8"));
      const ids = Array.from({ length: 10 }, (_, index) => `session_${String(index + 1).padStart(6, "0")}`);
      expect(data.map(({ session_id }: { session_id: string }) => session_id)).to.deep.equal(ids);
      expect(data[0].payloads).to.deep.equal([{ messages: [message], model: "m", stream: false, max_completion_tokens: 4 }]);
      const lines = readFileSync(join(folderOf("run-1"), "profile_export.jsonl"), "utf8")
        .trim()
        .split("\n");
      expect(lines.map((line) => JSON.parse(line).metadata.conversation_id)).to.deep.equal(ids);
      const exported = await gather(client.exportRun({ runId: "run-1", files: ["inputs.json"] }));
      expect(exported.at(-1)).to.include({ file: "inputs.json", isLast: true });
      await dataset.stop(0);
    });

    it("without the bodies of its requests where nobody has them any more, and says that there is no such file", async () => {
      addresses.update(create(DirectorySchema, { entries: [{ service: ServiceKind.DATASET, address: "127.0.0.1:9" }] }));
      await played("run-1", { dataset: { datasetId: "d", conversations: 99n, turnsEach: 1 } });
      await command(finish());
      expect(existsSync(join(folderOf("run-1"), "profile_export_aiperf.json"))).to.equal(true);
      const notes = reports.flatMap(({ event }) => (event.case === "note" ? [event.value.message] : []));
      expect(notes.join()).to.match(/inputs\.json is not written: .*127\.0\.0\.1:9/);
      const missing = await failureOf(gather(client.exportRun({ runId: "run-1", files: ["inputs.json"] })));
      expect(missing).to.include({ code: "not_found" });
    });

    it("with all other files where that of the bodies cannot be written, and fails naming it and them", async () => {
      await played("run-1", { dataset: { datasetId: "d", conversations: 99n, turnsEach: 1 } });
      const folder = folderOf("run-1");
      mkdirSync(join(folder, `inputs.json.${process.pid}.tmp`));
      const { message } = await failureOf(command(finish()));
      expect(message)
        .to.include(`cannot write "${join(folder, "inputs.json")}"`)
        .and.include("; saved are ");
      for (const file of ["run.db", "profile_export_aiperf.json", "profile_export.jsonl"]) {
        expect(message).to.include(join(folder, file));
        expect(existsSync(join(folder, file)), file).to.equal(true);
      }
    });

    it("with the summary alone where that was asked for", async () => {
      await configure("run-1", "summary");
      await command(finish());
      expect(existsSync(join(folderOf("run-1"), "profile_export_aiperf.json"))).to.equal(true);
      expect(existsSync(join(folderOf("run-1"), "profile_export.jsonl"))).to.equal(false);
      const asked = await gather(client.exportRun({ runId: "run-1" }));
      expect(asked.map(({ file }) => file)).to.not.include("profile_export.jsonl");
      const records = await gather(client.exportRun({ runId: "run-1", files: ["profile_export.jsonl"] }));
      expect(records.map(({ file }) => file)).to.deep.equal(["profile_export.jsonl"]);
    });

    it("closing what was left open, and without complaint when it is asked twice or knows nothing of it", async () => {
      await configure();
      const processor = ingest();
      processor.send([measured(1)]);
      await processor.acked(1);
      await Promise.all([command(finish(RunState.FAILED)), command(finish(RunState.FAILED))]);
      await command(finish(RunState.FAILED));
      await command(finish(), "nobody");
      const { phases } = await client.summarizeRecords({ runId: "run-1" });
      expect(phases.every(({ isClosed }) => isClosed)).to.equal(true);
    });

    it("and refuses what still comes, as nobody's failure", async () => {
      await configure();
      const processor = ingest();
      await processor.acked(0);
      await command(finish());
      processor.send([measured(1)]);
      expect(await processor.closed).to.include({ code: "unavailable" });
      expect(reports).to.deep.equal([]);
    });
  });

  describe("takes samples, usage and events", () => {
    function samples(runId = "run-1") {
      const stream = client.ingestSamples();
      const acks: bigint[] = [];
      stream.onMessage(({ ackedSeq }) => acks.push(ackedSeq));
      stream.onClose(() => {});
      stream.send({ message: { case: "hello", value: { protocolVersion, runId, memberId: "telemetry-1" } } });
      return { stream, acks };
    }

    it("acked after their commit, and sums the energy of a phase from its counter", async () => {
      await configure();
      const { stream, acks } = samples();
      const phase = 1;
      const at = (sec: number, joules: number, watts: number) => {
        const startNs = START_NS + sec * 1e9;
        return { source: 0, startNs, endNs: startNs + 1e6, values: [joules, watts, watts / 10, watts / 5, watts / 2] };
      };
      stream.send({
        message: {
          case: "batch",
          value: {
            seq: 1n,
            events: [{ atNs: START_NS, kind: "phase_started", message: "begins", phase }],
            sources: [{ id: 0, kind: "dcgm", name: "http://gpu:9400/metrics" }],
            series: [
              { source: 0, id: 0, subject: "GPU-1", name: "nvidia_energy_consumption", unit: "J" },
              { source: 0, id: 1, subject: "GPU-1", name: "nvidia_power_usage", unit: "W" },
              { source: 0, id: 2, subject: "GPU-1", name: "nvidia_gpu_utilization", unit: "%" },
              { source: 0, id: 3, subject: "GPU-1", name: "nvidia_memory_used", unit: "GB" },
              { source: 0, id: 4, subject: "GPU-1", name: "nvidia_temperature", unit: "°C" },
            ],
            scrapes: [at(-5, 100, 900), at(1, 1000, 50), at(2, 1120, 60)],
          },
        },
      });
      stream.send({
        message: {
          case: "batch",
          value: {
            seq: 2n,
            scrapes: [at(3, 1300, 70), at(9, 9000, 900)],
            events: [{ atNs: START_NS + 5e9, kind: "returning_complete", message: "ends", phase }],
          },
        },
      });
      await until("both acks", () => acks.includes(2n));
      const { phases } = await client.summarizeRecords({ runId: "run-1", phase: "profiling" });
      expect(phases[0]?.gpus).to.have.length(1);
      expect(phases[0]?.gpus[0]).to.deep.include({
        subject: "GPU-1",
        source: "http://gpu:9400/metrics",
        host: "gpu",
        energyJ: 300,
        meanPowerW: 150,
        maxPowerW: 70,
        utilizationPercent: 6,
        maxMemoryUsedGb: 14,
        maxTemperatureC: 35,
        samples: 6n,
      });
    });

    /** What is stored of scrapes: their source, the first value of each or why there is none. */
    function stored(): unknown[] {
      const db = new Database(join(folderOf("run-1"), "run.db"), { readonly: true });
      try {
        const sql = "SELECT name, coalesce(readings, gap) FROM samples JOIN sources USING (source) ORDER BY end_ns";
        return db.prepare(sql).raw().all();
      } finally {
        db.close();
      }
    }
    const server = { id: 0, kind: "server", name: "http://h/metrics" };
    const up = { source: 0, id: 0, name: "up", type: "gauge" };
    const down = { source: 0, id: 1, name: "down", type: "gauge" };
    const scraped = (startNs: number, values: number[]) => ({ source: 0, startNs, endNs: startNs + 1, values });

    it("once, whatever a sender sends again on another stream, where it declares all anew, in whichever order", async () => {
      await configure();
      const first = samples();
      const scrapes = [scraped(1, [1, 2])];
      first.stream.send({ message: { case: "batch", value: { seq: 7n, sources: [server], series: [up, down], scrapes } } });
      await until("the ack", () => first.acks.includes(7n));
      first.stream.end();
      const second = samples();
      const swapped = [
        { ...down, id: 0 },
        { ...up, id: 1 },
      ];
      second.stream.send({ message: { case: "batch", value: { seq: 7n, sources: [server], series: swapped, scrapes } } });
      second.stream.send({ message: { case: "batch", value: { seq: 8n, scrapes: [scraped(2, [20, 10]), scraped(3, [21])] } } });
      second.stream.send({
        message: { case: "batch", value: { seq: 9n, scrapes: [{ source: 0, startNs: 4, endNs: 5, gap: "no page" }] } },
      });
      await until("the last ack", () => second.acks.includes(9n));
      expect(stored()).to.deep.equal([
        [server.name, "[1,2]"],
        [server.name, "[10,20]"],
        [server.name, "[null,21]"],
        [server.name, "no page"],
      ]);
    });

    it("and refuses scrapes of what was not declared, and a sender without a name", async () => {
      await configure();
      const refusalOf = async (value: MessageInitShape<typeof SampleBatchSchema>) => {
        const { stream } = samples();
        const closed = new Promise((resolve) => stream.onClose(resolve));
        stream.send({ message: { case: "batch", value } });
        return closed;
      };
      const sources = [server];
      const wrong = [
        { scrapes: [scraped(1, [])] },
        { sources, scrapes: [scraped(1, [1])] },
        { sources: [{ ...server, id: 1 }] },
        { sources, series: [down] },
        { series: [up] },
      ];
      for (const value of wrong) expect(await refusalOf(value)).to.include({ code: "invalid_argument" });
      expect(stored()).to.deep.equal([]);
      const stream = client.ingestSamples();
      const closed = new Promise((resolve) => stream.onClose(resolve));
      stream.onMessage(() => {});
      stream.send({ message: { case: "hello", value: { protocolVersion, runId: "run-1" } } });
      expect(await closed).to.include({ code: "invalid_argument" });
    });

    it("of workers into their usage, and timing's last word for the case that it dies", async () => {
      await configure();
      const { stream, acks } = samples();
      const usage = (memberId: string, sec: number, cpuSec: number, isWorker: boolean) => ({
        memberId,
        atNs: START_NS + sec * 1e9,
        isWorker,
        usage: { cpuSec, loopUtilization: 0.5, openFds: 10, maxFds: 100 },
        counters: { in_flight: 7n },
      });
      stream.send({
        message: {
          case: "batch",
          value: {
            seq: 1n,
            usage: [usage("worker-1", 0, 1, true), usage("worker-1", 2, 2, true), usage("timing-1", 1, 1, false)],
            timing: [{ phase: 1, lastDrawn: 8n, unused: 1n, ranges: [{ first: 1n, last: 8n }] }],
          },
        },
      });
      await until("the ack", () => acks.includes(1n));
      const db = new Database(join(folderOf("run-1"), "run.db"), { readonly: true });
      const rows = db.prepare("SELECT worker_id, cpu_ratio, in_flight FROM worker_usage ORDER BY ns").all();
      db.close();
      expect(rows).to.deep.equal([
        { worker_id: "worker-1", cpu_ratio: null, in_flight: 7 },
        { worker_id: "worker-1", cpu_ratio: 0.5, in_flight: 7 },
      ]);
      await command(finish(RunState.FAILED));
      const { phases } = await client.summarizeRecords({ runId: "run-1", phase: "profiling" });
      expect(phases[0]?.identity).to.include({ drawn: 8n, unused: 1n, unaccounted: 7n });
    });

    it("only of a run that is configured", async () => {
      const stream = client.ingestSamples();
      const closed = new Promise((resolve) => stream.onClose(resolve));
      stream.onMessage(() => {});
      stream.send({ message: { case: "hello", value: { protocolVersion, runId: "nobody", memberId: "t" } } });
      expect(await closed).to.include({ code: "unavailable" });
    });
  });

  describe("answers questions", () => {
    it("by pages of records in the order of their ids, each once", async () => {
      await played();
      const ids: number[] = [];
      let pageToken = "";
      do {
        const page = await client.queryRecords({ runId: "run-1", pageSize: 3, pageToken });
        expect(page.records.length).to.be.at.most(3);
        expect(page.tags).to.deep.equal(METRIC_TAGS);
        ids.push(...page.records.map(({ creditId }) => Number(creditId)));
        pageToken = page.nextPageToken;
      } while (pageToken !== "");
      expect(ids).to.deep.equal([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    });

    it("with records as they came", async () => {
      await configure();
      const processor = ingest();
      const sent = [measured(1), failed(2, { phase: 1 }), { ...cancelled(3), phase: 1 }];
      processor.send(sent);
      await processor.acked(1);
      const { records } = await client.queryRecords({ runId: "run-1" });
      for (const [index, found] of records.entries()) {
        const { creditId, sentNs, endNs, workerId, error, isCancelled } = sent[index]!;
        expect(found).to.include({ creditId: BigInt(creditId), sentNs, endNs, workerId, isCancelled, recordProcessorId: "rp-1" });
        expect(found.error?.code).to.equal(error?.code);
        expect(found.values.filter((value) => !Number.isNaN(value))).to.deep.equal(
          Array.from(sent[index]!.values).filter((value) => !Number.isNaN(value)),
        );
        expect(Buffer.from(found.contentStamps).equals(Buffer.from(sent[index]!.contentStamps))).to.equal(true);
      }
    });

    it("with the fields asked for alone, the id always", async () => {
      await played();
      const { records, tags } = await client.queryRecords({
        runId: "run-1",
        pageSize: 1,
        fields: { paths: ["status", "worker_id"] },
      });
      expect(records[0]).to.include({ creditId: 1n, status: 200, workerId: "worker-1", sentNs: 0, model: "" });
      expect([records[0]?.values, tags]).to.deep.equal([[], []]);
    });

    it("and refuses fields that are not stored, filters, orders, sizes and tokens that are none", async () => {
      await played();
      const ask = (change: object) => failureOf(client.queryRecords({ runId: "run-1", ...change }));
      const field = await ask({ fields: { paths: ["status", "nonsense"] } });
      expect(field).to.include({ code: "invalid_argument" });
      expect(field.message).to.include("nonsense");
      expect((await ask({ filter: "turn = x" })).message).to.include("expected a number\n    turn = x\n           ^");
      expect(await ask({ filter: "turn = x" })).to.include({ code: "invalid_argument" });
      expect(await ask({ orderBy: "turn sideways" })).to.include({ code: "invalid_argument" });
      expect(await ask({ pageSize: -1 })).to.include({ code: "invalid_argument" });
      expect(await ask({ pageToken: "zzz" })).to.include({ code: "invalid_argument" });
      expect(await ask({ runId: "nobody" })).to.include({ code: "not_found" });
    });

    it("that pass a filter, in the order of a field", async () => {
      await played();
      const ask = { runId: "run-1", filter: "turn = 0 AND credit > 2", orderBy: "credit desc", pageSize: 3 };
      const { records, nextPageToken: pageToken } = await client.queryRecords(ask);
      const ids = records.map(({ creditId }) => Number(creditId));
      expect(ids)
        .to.deep.equal([...ids].sort((a, b) => b - a))
        .and.have.length(3);
      const next = await client.queryRecords({ ...ask, pageToken });
      expect(Number(next.records[0]?.creditId)).to.be.lessThan(ids[2] ?? 0);
    });

    it("one record after the other, of a run that goes on, too", async () => {
      await played();
      const messages = await gather(client.streamRecords({ runId: "run-1", orderBy: "credit desc", limit: 4n }));
      expect(messages.flatMap(({ records }) => records.map(({ creditId }) => Number(creditId)))).to.deep.equal([10, 9, 8, 7]);
    });

    it("of groups of requests, with what was asked of them alone", async () => {
      await played();
      const ask = { runId: "run-1", groupBy: ["target", "error", "cancelled"], filter: "credit <= 4" };
      const summary = await client.summarizeRecords({ ...ask, metrics: ["latency", "rps"], statistics: ["p50"] });
      expect(summary).to.deep.include({ runId: "run-1", phases: [], leftOutRequests: 0n });
      expect(summary.database).to.equal(join(folderOf("run-1"), "run.db"));
      const [group] = summary.groups;
      expect(summary.groups).to.have.length(1);
      expect(group).to.include({ phase: "profiling", succeeded: 4n, errored: 0n, cancelled: 0n });
      expect(group?.keys.map(({ field, name, value }) => [field, name, value.value])).to.deep.equal([
        ["target", "https://h.example/v1", 0],
        ["error", "", undefined],
        ["cancelled", "", false],
      ]);
      expect(group?.metrics.map(({ tag }) => tag)).to.deep.equal(["request_latency", "request_throughput"]);
      expect(group?.metrics[0]).to.include({ count: 4n, avg: 40, p50: 40 });
      expect([group?.metrics[0]?.p99, group?.metrics[0]?.max]).to.deep.equal([undefined, undefined]);
      const whole = await client.summarizeRecords({
        runId: "run-1",
        phase: "profiling",
        metrics: ["rps", "ttft"],
        statistics: ["max"],
      });
      expect(whole.groups).to.deep.equal([]);
      expect(whole.phases[0]?.metrics.map(({ tag, max }) => [tag, max])).to.deep.equal([
        ["time_to_first_token", 10],
        ["request_throughput", undefined],
      ]);
      const refused = (change: object) => failureOf(client.summarizeRecords({ runId: "run-1", ...change }));
      for (const change of [
        { groupBy: ["ttft"] },
        { filter: "x" },
        { metrics: ["x"] },
        { statistics: ["p51"] },
        { groupBy: ["turn"], definitions: ["vllm"] },
      ]) {
        expect(await refused(change), JSON.stringify(change)).to.include({ code: "invalid_argument" });
      }
    });

    it("of the phase asked for, and of none that there is not", async () => {
      await played();
      const { phases, database } = await client.summarizeRecords({ runId: "run-1", phase: "profiling" });
      expect(phases.map(({ name, isClosed }) => [name, isClosed])).to.deep.equal([["profiling", true]]);
      expect(database).to.equal(join(folderOf("run-1"), "run.db"));
      const latency = phases[0]?.metrics.find(({ tag }) => tag === "request_latency");
      expect(latency).to.include({ count: 10n, avg: 40, unit: "ms", header: "Request Latency" });
      const failure = await failureOf(client.summarizeRecords({ runId: "run-1", phase: "none" }));
      expect(failure).to.include({ code: "invalid_argument", message: 'phase must be one of warmup, profiling, got "none"' });
      expect(await failureOf(client.summarizeRecords({ runId: "nobody" }))).to.include({ code: "not_found" });
    });

    it("with a timeline, in buckets that leave nobody out", async () => {
      await played();
      const { buckets, originWallNs } = await client.getTimeline({ runId: "run-1", bucketMs: 100 });
      expect(originWallNs).to.be.greaterThan(0);
      expect(buckets.reduce((sum, { completed }) => sum + completed, 0n)).to.equal(10n);
      expect(buckets.map(({ startMs }) => startMs)).to.deep.equal(buckets.map((_, index) => index * 100));
      expect(await failureOf(client.getTimeline({ runId: "nobody" }))).to.include({ code: "not_found" });
    });

    it("with the files of an ended run, byte for byte", async () => {
      await played();
      expect(await failureOf(gather(client.exportRun({ runId: "run-1" })))).to.include({ code: "failed_precondition" });
      await command(finish());
      const bytes = new Map<string, Buffer>();
      const ended: string[] = [];
      for await (const { file, data, isLast } of client.exportRun({ runId: "run-1" })) {
        expect(data.length).to.be.at.most(256 * 1024);
        bytes.set(file, Buffer.concat([bytes.get(file) ?? Buffer.alloc(0), data]));
        if (isLast) ended.push(file);
      }
      expect(ended).to.deep.equal([
        "profile_export_aiperf.json",
        "profile_export_aiperf.csv",
        "profile_export_console.txt",
        "profile_export.jsonl",
        "run_config.json",
        "run.db",
      ]);
      for (const file of ended) expect(readFileSync(join(folderOf("run-1"), file)).equals(bytes.get(file)!), file).to.equal(true);
      const some = await gather(client.exportRun({ runId: "run-1", files: ["run.db"] }));
      expect(new Set(some.map(({ file }) => file))).to.deep.equal(new Set(["run.db"]));
      const other = await failureOf(gather(client.exportRun({ runId: "run-1", files: ["../../etc/passwd"] })));
      expect(other).to.include({ code: "invalid_argument" });
    });

    it("with the run in the formats of other tools", async () => {
      await played();
      await command(finish());
      const files = await gather(client.exportRun({ runId: "run-1", formats: ["vllm", "parquet"], files: ["run_config.json"] }));
      const texts = Map.groupBy(files, ({ file }) => file);
      expect([...texts.keys()]).to.deep.equal(["vllm_bench.json", "profile_export.parquet", "run_config.json"]);
      const textOf = (file: string) => Buffer.concat((texts.get(file) ?? []).map(({ data }) => data)).toString("latin1");
      expect(JSON.parse(textOf("vllm_bench.json"))).to.include({ completed: 10, failed: 0 });
      expect(textOf("profile_export.parquet").slice(0, 4)).to.equal("PAR1");
      const refused = gather(client.exportRun({ runId: "run-1", formats: ["xml"] }));
      expect(await failureOf(refused)).to.include({ code: "invalid_argument" });
    });

    it("of an ended run in a later process too, where it lies below the runs folder", async () => {
      await played();
      await command(finish());
      await close();
      await open();
      expect((await client.summarizeRecords({ runId: "run-1", phase: "profiling" })).phases[0]?.identity?.succeeded).to.equal(
        10n,
      );
    });

    it("never about a path: an id is a name below the runs folder", async () => {
      await played();
      await command(finish());
      for (const runId of ["../run-1", "a/../run-1", "run-1/.", ".", ""]) {
        expect(await failureOf(client.summarizeRecords({ runId })), runId).to.include({ code: "not_found" });
      }
    });

    it("with live figures, again and again until the run has ended", async () => {
      await played();
      const seen: number[] = [];
      for await (const { committed, phase } of client.watchSummary({ runId: "run-1", intervalMs: 100 })) {
        seen.push(Number(committed));
        if (phase === undefined) continue;
        expect(phase).to.include({ name: "profiling", kind: PhaseKind.PROFILING });
        expect(phase.identity?.succeeded).to.equal(10n);
        expect(phase.metrics.find(({ tag }) => tag === "request_latency")?.p50).to.be.closeTo(40, 0.04);
        await command(finish());
      }
      expect(seen.every((count) => count === 10)).to.equal(true);
      expect(await failureOf(gather(client.watchSummary({ runId: "nobody" })))).to.include({ code: "not_found" });
    });
  });

  it("names its metrics by the catalog", () => {
    expect(METRIC_TAGS).to.have.length(recordMetrics.length);
  });

  it("closes its runs from their rows when the suite is another one, and lets go of them", async () => {
    await played();
    module.onSuiteChanged?.();
    await until("the run to be closed", () => stateOf("run-1") === "FAILED");
    expect(await ingest().closed).to.include({ code: "unavailable" });
    expect(module.counters?.()).to.include({ committed_rows: 0 });
  });

  function stateOf(runId: string): unknown {
    const db = new Database(join(folderOf(runId), "run.db"), { readonly: true });
    try {
      return db.prepare("SELECT state FROM run").pluck().get();
    } finally {
      db.close();
    }
  }
});
