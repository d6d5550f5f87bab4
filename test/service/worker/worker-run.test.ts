import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { expect } from "chai";
import {
  type PhaseSpecSchema,
  type RunSpec,
  RunSpecSchema,
  type TargetSpecSchema,
} from "../../../gen/assay/common/v1/run_spec_pb.js";
import { ConfigureRunSchema } from "../../../gen/assay/controller/v1/controller_service_pb.js";
import {
  type FetchTurnsRequestSchema,
  type FetchTurnsResponse,
  FetchTurnsResponseSchema,
} from "../../../gen/assay/dataset/v1/dataset_service_pb.js";
import type { ProcessRecordsResponse } from "../../../gen/assay/record_processor/v1/record_processor_service_pb.js";
import { ProcessRecordsResponseSchema } from "../../../gen/assay/record_processor/v1/record_processor_service_pb.js";
import { CreditsRequestSchema, CreditsResponseSchema } from "../../../gen/assay/timing/v1/timing_service_pb.js";
import { isBatch } from "../../../services/common/batch-wire.ts";
import { monotonicNs } from "../../../services/common/clock.ts";
import { AssayError } from "../../../services/common/errors.ts";
import { silentLogger } from "../../../services/common/logger.ts";
import { PhaseHistograms } from "../../../services/common/observe/counting.ts";
import type { RawRecord } from "../../../services/common/raw-record.ts";
import { readRecordBatch } from "../../../services/common/record-batch.ts";
import { createPath, type RequestPath } from "../../../services/worker/request-path.ts";
import { WorkerRun } from "../../../services/worker/worker-run.ts";
import { FakeStream } from "../../unit/worker/fake-stream.ts";
import { chatAnswer } from "../../unit/worker/fake-transport.ts";
import { Harness, until } from "../rpc/harness.ts";
import { plainAnswer, type ScriptedServer, type SeenRequest, startScripted } from "./scripted-server.ts";

type TurnStream = FakeStream<FetchTurnsResponse, MessageInitShape<typeof FetchTurnsRequestSchema>>;
type CreditStream = FakeStream<Buffer, Uint8Array>;
type RecordStream = FakeStream<ProcessRecordsResponse, Uint8Array>;

/** Suite time minus this process's clock. */
let aheadNs = 0;
const clock = {
  now: () => monotonicNs() + aheadNs,
  toSuite: (ns: number) => ns + aheadNs,
  toLocal: (ns: number) => ns - aheadNs,
  offset: () => undefined,
};
const longLeaseNs = 60e9;

/** A worker's run between a timing, a dataset service and a record-processor that the test plays, and a real target. */
class Scene {
  readonly turns: TurnStream[] = [];
  readonly credits: CreditStream[] = [];
  readonly records: RecordStream[] = [];
  readonly notes: string[] = [];
  /** Answers that the worker itself has read, by their text. */
  readonly read: string[] = [];
  readonly lateness = new PhaseHistograms([0, 1]);
  readonly run: WorkerRun;
  private seq = 0;

  static async to(
    target: ScriptedServer,
    targetSpec: MessageInitShape<typeof TargetSpecSchema> = {},
    pacing = "normal",
    load: MessageInitShape<typeof PhaseSpecSchema>["load"] = { case: undefined },
  ): Promise<Scene> {
    const urls = [{ url: target.origin }];
    const where = { target: { urls, ...targetSpec }, workers: { pacing } };
    const spec = create(RunSpecSchema, { models: ["m"], ...where, phases: [{ load }] });
    return new Scene(spec, await createPath(spec));
  }

  private constructor(spec: RunSpec, { sender, ...path }: RequestPath) {
    const parse: typeof sender.endpoint.parse = (answer) => {
      const parsed = sender.endpoint.parse(answer);
      this.read.push(parsed.outputText);
      return parsed;
    };
    this.run = new WorkerRun({
      runId: "run",
      workerId: "w1",
      configure: create(ConfigureRunSchema, { spec, dataset: { datasetId: "d" }, memberIds: ["w1"] }),
      path: { ...path, sender: { ...sender, endpoint: { ...sender.endpoint, parse } } },
      clock,
      log: silentLogger,
      incarnation: 3n,
      lateness: this.lateness,
      spillPath: join(tmpdir(), `assay-worker-run-${process.pid}.spill`),
      dial: {
        credits: () => opened(this.credits),
        turns: () => opened(this.turns),
        records: () => opened(this.records),
      },
      note: (kind) => this.notes.push(kind),
    });
  }

  /** The processor takes the hello, timing gives a lease and slots. */
  async begin(leaseNs = longLeaseNs): Promise<void> {
    this.records[0]?.receive(create(ProcessRecordsResponseSchema, { ackedSeq: 0n }));
    await until("the hello to timing", () => (this.credits[0]?.sent.length ?? 0) > 0);
    this.fromTiming({ case: "welcome", value: { timingIncarnation: 5n, renew: 1n, leaseNs } }, false);
    this.fromTiming({ case: "slots", value: { limit: 100, epoch: 1n } });
    await this.run.ready(AbortSignal.timeout(5000));
  }

  issue(
    ...credits: {
      readonly id: number;
      readonly conversation?: number;
      readonly turn?: number;
      readonly turns?: number;
      readonly dueNs?: number;
    }[]
  ): void {
    this.fromTiming({
      case: "issue",
      value: {
        credits: credits.map(({ id, conversation = id, turn = 0, turns = 1, dueNs = 0 }) => ({
          creditId: BigInt(id),
          conversation: BigInt(conversation),
          turn,
          turns,
          dueNs,
          session: BigInt(conversation),
        })),
      },
    });
  }

  fromTiming(message: NonNullable<MessageInitShape<typeof CreditsResponseSchema>["message"]>, isSequenced = true): void {
    const seq = isSequenced ? BigInt(++this.seq) : 0n;
    const response = create(CreditsResponseSchema, { seq, message });
    this.credits.at(-1)?.receive(Buffer.from(toBinary(CreditsResponseSchema, response)));
  }

  /** The dataset service answers everything that it was asked and is named here. */
  giveTurn(conversation: number, turn = 0, content = `question ${conversation}/${turn}`): void {
    const ref = { conversation: BigInt(conversation), turn };
    this.turns.at(-1)?.receive(
      create(FetchTurnsResponseSchema, {
        turns: [{ ref, turn: { ...ref, messages: [{ role: "user", content }], inputTokens: 3 } }],
      }),
    );
  }

  /** Records that the processor has got. */
  get recorded(): RawRecord[] {
    return this.records
      .flatMap(({ sent }) => sent)
      .filter((message) => isBatch(message))
      .flatMap((message) => readRecordBatch(Buffer.from(message), { workerId: "w1", wallOffsetNs: 0 }).records)
      .map(({ record }) => record);
  }

  /** Credits that came back, in order. */
  get returned(): { readonly id: number; readonly isSessionOver: boolean }[] {
    const returns = this.credits
      .flatMap(({ sent }) => sent)
      .map((bytes) => fromBinary(CreditsRequestSchema, bytes))
      .flatMap(({ message }) => (message.case === "returned" ? message.value.returns : []));
    return returns.map(({ creditId, isSessionOver }) => ({ id: Number(creditId), isSessionOver: isSessionOver ?? false }));
  }
}

function opened<In, Out>(streams: FakeStream<In, Out>[]): FakeStream<In, Out> {
  const stream = new FakeStream<In, Out>();
  streams.push(stream);
  return stream;
}

describe("a worker's run", () => {
  const harness = new Harness();
  afterEach(() => harness.close());

  async function scene(
    answer: (request: SeenRequest) => void,
    targetSpec?: MessageInitShape<typeof TargetSpecSchema>,
    pacing?: string,
    load?: MessageInitShape<typeof PhaseSpecSchema>["load"],
  ) {
    const target = await startScripted(answer);
    harness.onClose(() => target.stop());
    const made = await Scene.to(target, targetSpec, pacing, load);
    harness.onClose(() => made.run.close());
    return { target, scene: made };
  }

  const json = "content-type: application/json\r\n";
  const reply = ({ socket }: SeenRequest) => socket.write(plainAnswer(chatAnswer("ok"), json));

  it("turns a credit into a request, a record and a return", async () => {
    const { target, scene: it } = await scene(reply);
    await it.begin();
    it.issue({ id: 1 });
    await until("the turn to be asked for", () => (it.turns[0]?.sent.length ?? 0) === 2);
    it.giveTurn(1);
    await until("the return", () => it.returned.length === 1);
    expect(it.returned).to.deep.equal([{ id: 1, isSessionOver: false }]);
    await until("the record", () => it.recorded.length === 1);
    expect(it.recorded[0]).to.include({ creditId: 1, status: 200, model: "m", inputTokens: 3, workerId: "w1" });
    expect(JSON.parse(target.requests[0]?.body.toString() ?? "")).to.deep.include({
      model: "m",
      messages: [{ role: "user", content: "question 1/0" }],
    });
  });

  for (const [what, load, asked] of [
    ["keeps a turn that may be sent again", { case: "concurrency", value: {} }, [1, 2]],
    ["keeps none where each is sent once", { case: "schedule", value: {} }, [1, 2, 1]],
  ] as const) {
    it(what, async () => {
      const { scene: it } = await scene(reply, undefined, undefined, load);
      await it.begin();
      const refs = () =>
        (it.turns[0]?.sent ?? []).flatMap(({ message }) => (message?.case === "turns" ? (message.value.refs ?? []) : []));
      for (const [index, conversation] of [1, 2, 1].entries()) {
        it.issue({ id: index + 1, conversation });
        if (index < asked.length) {
          await until("the turn to be asked for", () => refs().length === index + 1);
          it.giveTurn(conversation);
        }
        await until("the return", () => it.returned.length === index + 1);
      }
      expect(refs().map((ref) => Number(ref.conversation))).to.deep.equal(asked);
    });
  }

  it("keeps every moment in suite time, whatever its own clock says", async () => {
    aheadNs = -5e12;
    try {
      const { scene: it } = await scene(reply);
      await it.begin();
      const dueNs = clock.now() + 0.05e9;
      it.issue({ id: 1, dueNs });
      it.giveTurn(1);
      await until("the record", () => it.recorded.length === 1);
      const [record] = it.recorded;
      expect(record?.dueNs).to.be.closeTo(dueNs, 1e3);
      expect((record?.sentNs ?? 0) - dueNs).to.be.within(0, 5e9);
    } finally {
      aheadNs = 0;
    }
  });

  it("counts what it does, and how late it sends what was due", async () => {
    const { scene: it } = await scene(reply);
    await it.begin();
    it.issue({ id: 1, dueNs: monotonicNs() - 0.5e9 }, { id: 2 });
    it.giveTurn(1);
    it.giveTurn(2);
    await until("the returns", () => it.returned.length === 2);
    expect(it.run.counts()).to.deep.include({ sent: 2, records: 2, stalls: 0, fencings: 0, replaced: 0 });
    expect(it.run.counts().opened).to.be.greaterThan(0);
    const [warmup, profiling] = it.lateness.points.map(({ value }) => value);
    expect(warmup?.count).to.equal(0);
    expect(profiling).to.include({ count: 1 });
    expect(profiling?.sum).to.be.at.least(0.5);
  });

  it("is at rest once its lease is over, nothing is under way, and all that it recorded is committed", async () => {
    const { target, scene: it } = await scene(() => {});
    await it.begin(400e6);
    it.issue({ id: 1 });
    it.giveTurn(1);
    await until("the request", () => target.requests.length === 1);
    expect(it.run.status().isAtRest).to.equal(false);
    await until("the record of a request that the lease has ended", () => it.recorded.length === 1);
    expect(it.run.status()).to.deep.include({ isAtRest: false, inFlight: 0 });
    it.records[0]?.receive(create(ProcessRecordsResponseSchema, { ackedSeq: 1n }));
    expect(it.run.status().isAtRest).to.equal(true);
  });

  for (const pacing of ["normal", "precise"]) {
    it(`sends what is due at its time and never before, and nothing that was recalled, with ${pacing} pacing`, async () => {
      const { target, scene: it } = await scene(reply, {}, pacing);
      await it.begin();
      const startNs = monotonicNs() + 20e6;
      const due = Array.from({ length: 40 }, (_, index) => startNs + index * 1.3e6);
      it.issue(...due.map((dueNs, index) => ({ id: index + 1, conversation: 1, dueNs })));
      it.giveTurn(1);
      await until("the first requests", () => target.requests.length >= 10);
      it.fromTiming({
        case: "recall",
        value: { recallId: 1n, phase: 0, what: { case: "dueAfterNs", value: startNs + 35 * 1.3e6 } },
      });
      await until("everything to come back", () => it.returned.length === 40);
      await until("the records", () => it.recorded.length === target.requests.length);
      expect(it.recorded.map(({ creditId }) => creditId)).to.have.members(target.requests.map((_, index) => index + 1));
      expect(it.recorded.filter(({ sentNs, dueNs }) => sentNs < dueNs)).to.deep.equal([]);
    });
  }

  it("opens its connections before it is ready", async () => {
    const { target, scene: it } = await scene(reply);
    await it.begin();
    await until("the connection", () => target.connections() === 1);
    it.issue({ id: 1 });
    it.giveTurn(1);
    await until("the return", () => it.returned.length === 1);
    expect(target.connections()).to.equal(1);
  });

  it("plays a session: each turn follows what was said", async () => {
    const { target, scene: it } = await scene(reply);
    await it.begin();
    for (const turn of [0, 1]) {
      it.issue({ id: turn + 1, conversation: 4, turn, turns: 2 });
      await until("the turn to be asked for", () => (it.turns[0]?.sent.length ?? 0) === 2 + turn);
      it.giveTurn(4, turn);
      await until("the return", () => it.returned.length === turn + 1);
    }
    expect(JSON.parse(target.requests[1]?.body.toString() ?? "").messages).to.deep.equal([
      { role: "user", content: "question 4/0" },
      { role: "assistant", content: "ok" },
      { role: "user", content: "question 4/1" },
    ]);
  });

  it("reads answers itself only where a later turn repeats them", async () => {
    const { scene: it } = await scene(({ socket, body }) => {
      socket.write(plainAnswer(chatAnswer(`to ${JSON.parse(body.toString()).messages.length}`), json));
    });
    await it.begin();
    it.issue({ id: 1 }, { id: 2, turns: 2 });
    for (const conversation of [1, 2]) it.giveTurn(conversation);
    await until("the first answers", () => it.returned.length === 2);
    expect(it.read).to.deep.equal(["to 1"]);
    it.issue({ id: 3, conversation: 2, turn: 1, turns: 2 });
    it.giveTurn(2, 1);
    await until("the last answer", () => it.returned.length === 3);
    expect(it.read).to.deep.equal(["to 1"]);
  });

  it("makes an unsendable record of a turn that there is not", async () => {
    const { target, scene: it } = await scene(reply);
    await it.begin();
    it.issue({ id: 1 });
    it.turns[0]?.receive(
      create(FetchTurnsResponseSchema, { turns: [{ ref: { conversation: 1n }, missing: "the dataset has 1" }] }),
    );
    await until("the record", () => it.recorded.length === 1);
    expect(it.recorded[0]?.error).to.include({ code: "unsendable", phase: "send" });
    expect(it.recorded[0]?.error?.message).to.contain("the dataset has 1");
    await until("the return", () => it.returned.length === 1);
    expect(it.returned).to.deep.equal([{ id: 1, isSessionOver: true }]);
    expect(target.requests).to.deep.equal([]);
  });

  it("ends a fired credit that still waits for its turn when its phase is cancelled, and never sends it", async () => {
    const { target, scene: it } = await scene(reply);
    await it.begin();
    it.issue({ id: 1 }, { id: 2 });
    it.giveTurn(2);
    await until("one return", () => it.returned.length === 1);
    it.fromTiming({ case: "cancel", value: { phase: 0, reason: "grace is over" } });
    await until("the other", () => it.returned.length === 2);
    it.giveTurn(1);
    await until("both records", () => it.recorded.length === 2);
    expect(it.recorded.find(({ creditId }) => creditId === 1)).to.include({ isCancelled: true, status: 0 });
    expect(target.requests).to.have.lengthOf(1);
  });

  it("cancels what is in flight with its phase", async () => {
    const { target, scene: it } = await scene(() => {});
    await it.begin();
    it.issue({ id: 1 });
    it.giveTurn(1);
    await until("the request", () => target.requests.length === 1);
    it.fromTiming({ case: "cancel", value: { phase: 0, reason: "grace is over" } });
    await until("the record", () => it.recorded.length === 1);
    expect(it.recorded[0]?.error).to.include({ code: "cancelled", message: "grace is over" });
    await until("the connection to close", () => target.open.size === 0);
  });

  it("sends nothing once its lease is over, and says fenced", async () => {
    const { target, scene: it } = await scene(() => {});
    await it.begin(300e6);
    it.issue({ id: 1 }, { id: 2 });
    it.giveTurn(1);
    await until("the request", () => target.requests.length === 1);
    await until("the records", () => it.recorded.length === 2);
    it.giveTurn(2);
    expect(it.recorded.map(({ error }) => error?.code)).to.deep.equal(["fenced", "fenced"]);
    await until("the connection to close", () => target.open.size === 0);
    expect(target.requests).to.have.lengthOf(1);
  });

  it("ends requests that are over their time", async () => {
    const { scene: it } = await scene(() => {}, { requestTimeoutSec: 0.05 });
    await it.begin();
    it.issue({ id: 1 });
    it.giveTurn(1);
    await until("the record", () => it.recorded.length === 1);
    expect(it.recorded[0]?.error?.code).to.equal("request_timeout");
  });

  it("is not ready before everybody has answered, and names who has not", async () => {
    const { scene: it } = await scene(reply);
    it.records[0]?.receive(create(ProcessRecordsResponseSchema, { ackedSeq: 0n }));
    const failure = await it.run.ready(AbortSignal.timeout(50)).catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(AssayError).with.property("message", "timing did not answer in time");
  });

  it("ends what it has when it is closed", async () => {
    const { target, scene: it } = await scene(() => {});
    await it.begin();
    it.issue({ id: 1 }, { id: 2 });
    it.giveTurn(1);
    await until("the request", () => target.requests.length === 1);
    await it.run.close();
    expect(it.run.inFlight).to.equal(0);
    await until("the connection to close", () => target.open.size === 0);
    expect([it.turns[0]?.hasEnded, it.records[0]?.hasEnded, it.credits[0]?.failure?.code]).to.deep.equal([
      true,
      true,
      "cancelled",
    ]);
  });
});
