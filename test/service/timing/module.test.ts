import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { expect } from "chai";
import { PhaseKind, ServiceKind } from "../../../gen/assay/common/v1/common_pb.js";
import { ArrivalPattern, type PhaseSpecSchema, RunSpecSchema } from "../../../gen/assay/common/v1/run_spec_pb.js";
import {
  CommandSchema,
  type MemberEvent,
  type ReturningComplete,
} from "../../../gen/assay/controller/v1/controller_service_pb.js";
import { ReturnKind } from "../../../gen/assay/timing/v1/timing_pb.js";
import { TimingService } from "../../../gen/assay/timing/v1/timing_service_pb.js";
import { silentLogger } from "../../../services/common/logger.ts";
import { MeasuredSuiteClock } from "../../../services/common/member/suite-clock.ts";
import type { ServiceModule } from "../../../services/common/module.ts";
import { type Client, createClient } from "../../../services/common/rpc/client.ts";
import { createRpcServer, type RpcServer } from "../../../services/common/rpc/server.ts";
import { createTimingModule } from "../../../services/timing/module.ts";
import { countOf, distributionOf } from "../../support/families.ts";
import { failureOf, until } from "../rpc/harness.ts";
import { FakeWorker } from "./fake-worker.ts";

type Action = Exclude<MessageInitShape<typeof CommandSchema>, { $typeName: string }>["action"];
type PhaseInit = Exclude<MessageInitShape<typeof PhaseSpecSchema>, { $typeName: string }>;

describe("timing", () => {
  let module: ServiceModule;
  let server: RpcServer;
  let client: Client<typeof TimingService>;
  const events: MemberEvent["event"][] = [];
  const workers: FakeWorker[] = [];

  beforeEach(async () => {
    events.length = 0;
    const clock = new MeasuredSuiteClock();
    clock.share();
    module = createTimingModule({ log: silentLogger, clock, report: (event) => events.push(event) });
    server = createRpcServer({ services: module.implementations, listen: {}, auth: { insecure: true }, log: silentLogger });
    client = createClient(TimingService, { address: (await server.start()).address });
  });
  afterEach(async () => {
    for (const worker of workers.splice(0)) worker.close();
    client.close();
    await module.stop(0);
    await server.stop(0);
  });

  async function command(action: Action, runId = "run-1"): Promise<void> {
    const wire = create(CommandSchema, { runId, service: ServiceKind.TIMING, ...(action === undefined ? {} : { action }) });
    await module.onCommand?.(wire, AbortSignal.timeout(5000));
  }

  async function configure(...phases: PhaseInit[]): Promise<void> {
    const spec = create(RunSpecSchema, {
      phases: phases.map((phase, index) => ({ name: `phase-${index}`, kind: PhaseKind.PROFILING, graceSec: 5, ...phase })),
      target: { urls: [{ url: "http://h" }] },
      randomSeed: 7n,
    });
    const dataset = { datasetId: "d", conversations: 4n, turnsEach: 1 };
    await command({ case: "configure", value: { spec, dataset } });
  }

  const start = (phase = 0) => command({ case: "startPhase", value: { phase } });
  const concurrency = (limit: number, stop: PhaseInit["stop"]): PhaseInit => ({
    load: { case: "concurrency", value: { limit } },
    ...(stop === undefined ? {} : { stop }),
  });
  const rate = (ratePerSec: number, pattern: ArrivalPattern, requestCount: bigint): PhaseInit => ({
    load: { case: "rate", value: { ratePerSec, pattern } },
    stop: { requestCount },
  });

  function join(workerId: string, runId = "run-1"): FakeWorker {
    const worker = new FakeWorker(client, runId, workerId);
    workers.push(worker);
    return worker;
  }

  const kinds = () => events.map((event) => event.case);
  async function returned(count = 1): Promise<ReturningComplete[]> {
    const all = () => events.flatMap((event) => (event.case === "returningComplete" ? [event.value] : []));
    await until("returning complete", () => all().length >= count);
    return all();
  }
  const idsOf = (ranges: readonly { first: bigint; last: bigint }[] | undefined) =>
    (ranges ?? []).flatMap(({ first, last }) => Array.from({ length: Number(last - first) + 1 }, (_, at) => Number(first) + at));

  it("welcomes a worker, lends it slots, and plays exactly the requests asked for", async () => {
    await configure(concurrency(3, { requestCount: 20n }));
    const worker = join("w-1");
    await until("the welcome", () => worker.messages.includes("welcome"));
    await start();
    const [complete] = await returned();
    expect(worker.credits).to.have.length(20);
    expect(worker.slots.at(0)?.limit).to.equal(3);
    expect(worker.credits.map(({ conversation }) => Number(conversation)).slice(0, 5)).to.deep.equal([0, 1, 2, 3, 0]);
    expect(idsOf(complete?.account?.drawn)).to.deep.equal(
      worker.credits.map(({ creditId }) => Number(creditId)).sort((a, b) => a - b),
    );
    expect(complete?.account).to.deep.include({ unused: [], dropped: [], lost: [], strayReturns: 0n });
    expect(kinds()).to.deep.equal(["phaseStarted", "sendingComplete", "returningComplete"]);
  });

  it("has no more requests out than the concurrency, over all workers", async () => {
    await configure(concurrency(4, { requestCount: 40n }));
    const [first, second] = [join("w-1"), join("w-2")];
    await until("both welcomes", () => [first, second].every((worker) => worker.messages.includes("welcome")));
    await start();
    await returned();
    const limits = [first, second].map((worker) => worker.slots[0]?.limit);
    expect(limits).to.deep.equal([2, 2]);
    expect(first.credits.length + second.credits.length).to.equal(40);
    expect(first.credits.length).to.be.greaterThan(0);
    expect(second.credits.length).to.be.greaterThan(0);
  });

  it("issues a constant rate on its grid, whatever the worker does", async () => {
    await configure(rate(200, ArrivalPattern.CONSTANT, 20n));
    const worker = join("w-1");
    await until("the welcome", () => worker.messages.includes("welcome"));
    await start();
    await returned();
    const dues = worker.credits.map(({ dueNs }) => dueNs);
    expect(dues).to.have.length(20);
    for (const [index, due] of dues.entries()) if (index > 0) expect(due - (dues[index - 1] ?? 0)).to.be.closeTo(5e6, 1);
  });

  it("counts what it issued and what came back, over runs", async () => {
    const count = (name: string, labels = {}) => countOf(module.families(), `assay_timing_${name}`, labels);
    await configure(concurrency(3, { requestCount: 20n }));
    const worker = join("w-1");
    await until("the welcome", () => worker.messages.includes("welcome"));
    worker.holds = true;
    await start();
    await until("credits out", () => worker.heldCount >= 3);
    expect(count("outstanding_credits")).to.equal(count("issued_credits_total")).and.to.equal(worker.heldCount);
    expect([count("runs"), count("credit_streams")]).to.deep.equal([1, 1]);
    worker.holds = false;
    worker.giveBack();
    await returned();
    const totals = () => [
      count("issued_credits_total"),
      count("returned_credits_total", { use: "sent" }),
      count("returned_credits_total", { use: "unused" }),
      count("outstanding_credits"),
      count("lost_credits_total"),
    ];
    expect(totals()).to.deep.equal([20, 20, 0, 0, 0]);
    await command({ case: "finish", value: {} });
    expect(totals()).to.deep.equal([20, 20, 0, 0, 0]);
    expect([count("runs"), count("credit_streams")]).to.deep.equal([0, 0]);
    expect(count("issue_lateness_seconds", { phase: "profiling" })).to.equal(0);
  });

  it("counts arrivals that nobody could send as dropped, not as issued", async () => {
    await configure({ ...rate(200, ArrivalPattern.CONSTANT, 1000n), stop: { durationSec: 0.2 } });
    await start();
    await returned();
    expect(countOf(module.families(), "assay_timing_dropped_credits_total")).to.be.greaterThan(10);
    expect(countOf(module.families(), "assay_timing_issued_credits_total")).to.equal(0);
  });

  it("counts how late it issues, of the kind of phase, where something is due", async () => {
    await configure({ ...rate(200, ArrivalPattern.CONSTANT, 20n), kind: PhaseKind.WARMUP });
    const worker = join("w-1");
    await until("the welcome", () => worker.messages.includes("welcome"));
    await start();
    await returned();
    const families = module.families();
    expect(countOf(families, "assay_timing_issue_lateness_seconds", { phase: "warmup" })).to.equal(20);
    expect(countOf(families, "assay_timing_issue_lateness_seconds", { phase: "profiling" })).to.equal(0);
    // Ahead of their due times, but for the first ones.
    const { counts } = distributionOf(families, "assay_timing_issue_lateness_seconds", { phase: "warmup" });
    expect(counts[0]).to.be.greaterThan(10);
  });

  it("draws Poisson arrivals from the run's seed: two runs have the same ones", async () => {
    const gaps: number[][] = [];
    for (let round = 0; round < 2; round++) {
      await configure(rate(400, ArrivalPattern.POISSON, 20n));
      const worker = join(`w-${round}`);
      await until("the welcome", () => worker.messages.includes("welcome"));
      await start();
      await returned(round + 1);
      const [zero = 0] = worker.credits.map(({ dueNs }) => dueNs);
      gaps.push(worker.credits.map(({ dueNs }) => Math.round((dueNs - zero) / 1000)));
    }
    expect(gaps[0]).to.have.length(20);
    expect(gaps[1]).to.deep.equal(gaps[0]);
    expect(new Set(gaps[0]).size).to.be.greaterThan(15);
  });

  it("stops by duration, and accounts for what was drawn", async () => {
    await configure(concurrency(2, { durationSec: 0.2 }));
    const worker = join("w-1");
    await until("the welcome", () => worker.messages.includes("welcome"));
    await start();
    const [complete] = await returned();
    expect(idsOf(complete?.account?.drawn)).to.have.length(worker.credits.length);
    expect(worker.credits.length).to.be.greaterThan(2);
  });

  it("plays phases one after the other, going on in the dataset", async () => {
    await configure(concurrency(1, { requestCount: 2n }), concurrency(1, { requestCount: 2n }));
    const worker = join("w-1");
    await until("the welcome", () => worker.messages.includes("welcome"));
    await start(0);
    await returned(1);
    await start(1);
    const both = await returned(2);
    expect(worker.credits.map(({ phase, conversation }) => [phase, Number(conversation)])).to.deep.equal([
      [0, 0],
      [0, 1],
      [1, 2],
      [1, 3],
    ]);
    expect(both.map(({ account }) => [account?.phase, idsOf(account?.drawn)])).to.deep.equal([
      [0, [1, 2]],
      [1, [3, 4]],
    ]);
  });

  it("draws what came back unsent again under another id, so that the count is exact", async () => {
    await configure(concurrency(2, { requestCount: 4n }));
    const worker = join("w-1");
    worker.holds = true;
    await start();
    await until("two credits", () => worker.heldCount >= 2);
    const unused = worker.heldCount;
    worker.holds = false;
    worker.giveBack(ReturnKind.UNUSED);
    const [complete] = await returned();
    const drawn = idsOf(complete?.account?.drawn);
    const back = idsOf(complete?.account?.unused);
    expect(drawn.length - back.length).to.equal(4);
    expect(back).to.have.length(unused);
    expect(new Set(drawn).size).to.equal(drawn.length);
  });

  it("stops when it is told, and waits for what is in flight", async () => {
    await configure(concurrency(2, { requestCount: 1000n }));
    const worker = join("w-1");
    worker.holds = true;
    await start();
    await until("credits", () => worker.heldCount >= 2);
    await command({ case: "stopPhase", value: { phase: 0, reason: "enough", graceSec: 5 } });
    worker.holds = false;
    worker.giveBack();
    const [complete] = await returned();
    expect(idsOf(complete?.account?.drawn)).to.have.length(worker.credits.length);
    expect(worker.credits.length).to.be.lessThan(1000);
  });

  it("ends what is in flight when it is told to", async () => {
    await configure(concurrency(2, { requestCount: 1000n }));
    const worker = join("w-1");
    worker.holds = true;
    await start();
    await until("credits", () => worker.heldCount >= 2);
    await command({ case: "stopPhase", value: { phase: 0, reason: "now", cancelInFlight: true } });
    await returned();
    expect(worker.messages).to.include("cancel");
  });

  it("changes the load of the phase under way, and refuses what it does not have", async () => {
    await configure(concurrency(2, { requestCount: 1000n }));
    const worker = join("w-1");
    worker.holds = true;
    await start();
    await until("the slots", () => worker.slots.length === 1);
    await command({ case: "adjustPhase", value: { phase: 0, concurrency: 7 } });
    await until("more slots", () => worker.slots.at(-1)?.limit === 7);
    const error = await failureOf(command({ case: "adjustPhase", value: { phase: 0, ratePerSec: 9 } }));
    expect(error).to.include({ code: "failed_precondition" });
    expect(error.message).to.include("phase phase-0 has no rate");
    await command({ case: "adjustPhase", value: { phase: 0, isPaused: true } });
    await until("the recall", () => worker.messages.includes("recall"));
    await command({ case: "stopPhase", value: { phase: 0, reason: "enough", cancelInFlight: true } });
    await returned();
  });

  it("declares the credits of a reaped worker lost, and plays on with the others", async () => {
    await configure(concurrency(2, { requestCount: 6n }));
    const [dying, living] = [join("w-1"), join("w-2")];
    dying.holds = true;
    await until("both welcomes", () => [dying, living].every((worker) => worker.messages.includes("welcome")));
    await start();
    await until("a credit", () => dying.heldCount > 0);
    dying.close();
    await command({ case: "reapWorker", value: { workerId: "w-1", reason: "SIGKILL" } });
    const [complete] = await returned();
    const lost = idsOf(complete?.account?.lost);
    expect(lost.sort()).to.deep.equal(dying.credits.map(({ creditId }) => Number(creditId)).sort());
    const report = events.find((event) => event.case === "workerLost");
    expect(report?.case === "workerLost" && report.value).to.include({ workerId: "w-1", lost: BigInt(lost.length) });
    expect(idsOf(complete?.account?.drawn)).to.have.length(lost.length + living.credits.length);
  });

  it("notes a return of what was never issued, as the protocol's violation", async () => {
    await configure(concurrency(1, { requestCount: 2n }));
    const worker = join("w-1");
    worker.holds = true;
    await start();
    await until("a credit", () => worker.heldCount > 0);
    const stray = new FakeWorker(client, "run-1", "w-2");
    workers.push(stray);
    await until("its welcome", () => stray.messages.includes("welcome"));
    stray.say({ case: "returned", value: { returns: [{ creditId: 999n, kind: ReturnKind.SENT }] } });
    await until("the note", () => kinds().includes("note"));
    worker.holds = false;
    worker.giveBack();
    const [complete] = await returned();
    expect(complete?.account?.strayReturns).to.equal(1n);
  });

  it("notes what of the load finds no worker, by the connections that they have said they can hold", async () => {
    await configure(concurrency(5, { requestCount: 20n }));
    const worker = new FakeWorker(client, "run-1", "w-1", { maxConnections: 3 });
    workers.push(worker);
    worker.holds = true;
    await start();
    await until("the note", () => kinds().includes("note"));
    const note = events.find((event) => event.case === "note");
    expect(note?.case === "note" && note.value).to.deep.include({
      kind: "slots_unplaced",
      phase: 0,
      message:
        "phase phase-0: 2 of 5 requests at once find no worker: those that are there have file descriptors for 3 connections " +
        "(--workers-max, ulimit -n)",
    });
    expect(worker.slots.at(-1)?.limit).to.equal(3);
    worker.holds = false;
    worker.giveBack();
    await returned();
  });

  it("turns a worker of an unknown run away until it is configured", async () => {
    expect(await join("w-1", "nobody").closed).to.include({
      code: "unavailable",
      message: "run nobody is not configured at timing",
    });
  });

  it("refuses a worker of another protocol version, and a stream without hello", async () => {
    await configure(concurrency(1, { requestCount: 1n }));
    const other = new FakeWorker(client, "run-1", "w-1", { protocolVersion: 99 });
    workers.push(other);
    const error = await other.closed;
    expect(error).to.include({ code: "failed_precondition" });
    expect(error?.message).to.include("protocol version 99 of the worker, 1 here");
    const stream = client.credits();
    const closed = new Promise((resolve) => stream.onClose(resolve));
    stream.onMessage(() => {});
    stream.send({ message: { case: "renew", value: { n: 1n } } });
    expect(await closed).to.include({ code: "invalid_argument" });
    await until("the streams to be forgotten", () => module.counters?.().credit_streams === 0);
  });

  it("shows where a run stands, to who asks and to who watches, while it lasts", async () => {
    await configure(concurrency(2, { requestCount: 8n }));
    const worker = join("w-1");
    worker.holds = true;
    await start();
    await until("credits", () => worker.heldCount >= 2);
    const stats = await client.getTimingStats({ runId: "run-1" });
    expect(stats.phases[0]).to.include({ phase: 0, sent: 0n, drawn: BigInt(worker.credits.length) });
    expect(stats.workers[0]).to.include({ workerId: "w-1", slots: 2, isConnected: true });
    expect(stats.workers[0]?.outstanding).to.equal(BigInt(worker.heldCount));
    expect(module.timingProgress?.()[0]?.drawn).to.equal(BigInt(worker.credits.length));
    worker.holds = false;
    worker.giveBack();
    await returned();
    const sent: bigint[] = [];
    for await (const { stats: now } of client.watchTiming({ runId: "run-1", intervalMs: 50 })) {
      sent.push(now?.phases[0]?.sent ?? 0n);
      if (sent.length === 2) await command({ case: "finish", value: {} });
    }
    expect(sent).to.deep.equal([8n, 8n]);
    expect(await failureOf(client.getTimingStats({ runId: "run-1" }))).to.include({ code: "not_found" });
  });

  it("lets go of a run that has ended, and of all runs of a suite that is gone", async () => {
    await configure(concurrency(1, { requestCount: 1n }));
    const worker = join("w-1");
    await until("the welcome", () => worker.messages.includes("welcome"));
    await command({ case: "finish", value: {} });
    expect(await worker.closed).to.equal(undefined);
    await configure(concurrency(1, { requestCount: 1n }));
    module.onSuiteChanged?.();
    expect(module.counters?.()).to.deep.equal({ runs: 0, credit_streams: 0 });
    expect(await failureOf(start())).to.include({ code: "not_found" });
  });

  it("is configured with a spec and a dataset, or not at all", async () => {
    expect(await failureOf(command({ case: "configure", value: {} }))).to.include({ code: "invalid_argument" });
    expect(await failureOf(start())).to.include({ code: "not_found" });
    await configure(concurrency(1, { requestCount: 1n }));
    expect(await failureOf(start(5))).to.include({ code: "invalid_argument", message: "there is no phase 5" });
    expect(kinds()).to.deep.equal([]);
  });
});
