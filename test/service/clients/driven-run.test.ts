import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect } from "chai";
import { connect } from "../../../clients/node/connect.ts";
import type { Suite } from "../../../clients/node/types.d.ts";
import { PhaseKind } from "../../../gen/assay/common/v1/common_pb.js";
import { RunState } from "../../../gen/assay/controller/v1/controller_pb.js";
import { AssayError } from "../../../services/common/errors.ts";
import { listSuite } from "../../../services/common/suite-files.ts";
import { failureOf } from "../rpc/harness.ts";
import { FakeSuite } from "./fake-suite.ts";

const spec = { models: ["mock"] };
const running = { runId: "r1", state: RunState.RUNNING, phase: "profiling" };
const phases = [
  { index: 0, name: "warmup", kind: PhaseKind.WARMUP },
  { index: 1, name: "profiling", kind: PhaseKind.PROFILING },
];
const ended = { ...running, state: RunState.COMPLETED, endTime: { seconds: 1n } };

describe("the library's runs", () => {
  let fake: FakeSuite;
  let suite: Suite;

  beforeEach(async () => {
    fake = new FakeSuite();
    await fake.start();
    suite = await connect({ address: fake.address });
    fake.show({ ...running, phases });
  });

  afterEach(async () => {
    suite.close();
    await fake.stop();
  });

  /** Waits until so many messages have come over DriveRun. */
  async function wishes(count: number): Promise<FakeSuite["driven"]> {
    while (fake.driven.length < count) await fake.nextWish();
    return fake.driven;
  }

  it("are created so that they end with their stream, and told to their last state", async () => {
    const run = await suite.run(spec, { runId: "r1", intervalMs: 50, requestedBy: "a test" });
    expect([run.id, run.now.state]).to.deep.equal(["r1", RunState.RUNNING]);
    const states = new Set<RunState | undefined>();
    for await (const { run: now } of run) {
      if (states.size === 0) fake.show({ ...ended, phases });
      states.add(now?.state);
    }
    expect([...states]).to.deep.equal([RunState.RUNNING, RunState.COMPLETED]);
    expect(run.now.state).to.equal(RunState.COMPLETED);
    const [first] = fake.driven;
    expect(first?.case === "create" && first.value).to.deep.include({
      cancelOnDisconnect: true,
      intervalMs: 50,
      requestedBy: "a test",
    });
    expect(first?.case === "create" && first.value.run?.spec?.models).to.deep.equal(["mock"]);
  });

  it("take changes of the phase that runs, and the wish for their end", async () => {
    const run = await suite.run(spec);
    expect(run.adjust({ ratePerSec: 20 })).to.equal(true);
    expect(run.adjust({ phase: 0, isPaused: true })).to.equal(true);
    expect(run.cancel("enough")).to.equal(true);
    const [, rate, pause, cancel] = await wishes(4);
    expect(rate?.case === "adjust" && [rate.value.phase, rate.value.ratePerSec]).to.deep.equal([1, 20]);
    expect(pause?.case === "adjust" && [pause.value.phase, pause.value.isPaused]).to.deep.equal([0, true]);
    expect(cancel?.case === "cancel" && cancel.value.reason).to.equal("enough");
  });

  it("end their stream when the loop over them is left, and take nothing more", async () => {
    const run = await suite.run(spec);
    for await (const _ of run) break;
    expect(run.adjust({ ratePerSec: 20 })).to.equal(false);
  });

  it("are lost with a broken stream", async () => {
    const run = await suite.run(spec);
    fake.breakWatches(new AssayError("unavailable", "cut"));
    expect(await failureOf(drain(run))).to.include({ code: "unavailable", message: "cut" });
    expect(fake.driven.map((message) => message.case)).to.deep.equal(["create"]);
  });

  it("are met again after a broken stream where they are to be kept", async () => {
    const run = await suite.run(spec, { isKept: true });
    fake.breakWatches(new AssayError("unavailable", "cut"));
    const over = drain(run);
    const [first, second] = await wishes(2);
    expect(first?.case === "create" && first.value.cancelOnDisconnect).to.equal(false);
    expect(second?.case === "attach" && second.value.runId).to.equal("r1");
    fake.show({ ...ended, phases });
    await over;
    expect(run.now.state).to.equal(RunState.COMPLETED);
  });

  it("are looked for by their id, and not created again, where nobody answered their creation", async () => {
    fake.createError = new AssayError("unavailable", "cut");
    const broken: string[] = [];
    const run = await suite.run(spec, { isKept: true, onBroken: ({ message }) => broken.push(message) });
    const [first, second, ...others] = fake.driven;
    const wished = first?.case === "create" ? first.value.run?.runId : "";
    expect(wished).to.match(/^\d{8}-\d{6}-[0-9a-f]{6}$/);
    expect(second?.case === "attach" && second.value.runId).to.equal(wished);
    expect([others, broken]).to.deep.equal([[], ["cut"]]);
    run.close();
  });

  it("were not created where the suite does not know them then", async () => {
    fake.createError = new AssayError("unavailable", "cut");
    fake.attachError = new AssayError("not_found", "there is no run");
    const failure = await failureOf(suite.run(spec, { isKept: true }));
    expect(failure).to.include({ code: "not_found", message: "the run was not created: cut" });
  });

  it("are given up by a suite that is silent for too long, which is no end of theirs", async () => {
    const run = await suite.run(spec, { isKept: true, silenceMs: 200 });
    fake.attachError = new AssayError("unavailable", "cut");
    fake.breakWatches(fake.attachError);
    expect(await failureOf(drain(run))).to.include({ reason: "SUITE_SILENT", code: "unavailable" });
  });

  it("are asked to end on the next stream where there is none, once", async () => {
    const run = await suite.attach("r1");
    const over = drain(run);
    fake.attachError = new AssayError("unavailable", "cut");
    fake.breakWatches(fake.attachError);
    await wishes(2);
    expect([run.cancel("enough"), run.adjust({ ratePerSec: 20 })]).to.deep.equal([false, false]);
    fake.onCancel = () => fake.show({ ...running, phases }, [{ kind: "cancel_asked", message: "enough" }]);
    fake.attachError = undefined;
    while (fake.cancelled.length === 0) await fake.nextWish();
    expect(fake.cancelled[0]).to.include({ reason: "enough", now: false });
    const dials = fake.driven.filter((message) => message.case === "attach").length;
    fake.breakWatches(new AssayError("unavailable", "cut again"));
    while (fake.driven.filter((message) => message.case === "attach").length === dials) await fake.nextWish();
    // What it would ask for first would be before this.
    while (!run.adjust({ ratePerSec: 30 })) await delay(5);
    while (fake.driven.at(-1)?.case !== "adjust") await fake.nextWish();
    fake.show({ ...ended, phases });
    await over;
    expect(fake.cancelled).to.have.length(1);
    expect(fake.driven.filter((message) => message.case === "adjust")).to.have.length(1);
  });

  it("throw when their signal aborts", async () => {
    const abort = new AbortController();
    const run = await suite.attach("r1", { signal: abort.signal });
    const failing = failureOf(drain(run));
    abort.abort(new Error("changed my mind"));
    expect(await failing).to.include({ code: "cancelled" });
  });

  it("have their figures at hand", async () => {
    const run = await suite.attach("r1");
    expect((await run.summary({ phase: "profiling" })).phases).to.not.equal(undefined);
    // This suite has none.
    expect(await failureOf(drain(run.records()))).to.include({ code: "unimplemented" });
    run.close();
  });

  it("are found without an address where one suite of this user runs", async () => {
    const folder = mkdtempSync(join(tmpdir(), "assay-listed-"));
    const before = process.env.XDG_RUNTIME_DIR;
    process.env.XDG_RUNTIME_DIR = folder;
    try {
      expect(await failureOf(connect())).to.include({
        code: "not_found",
        message: `no suite of yours runs on this host (looked in ${join(folder, "assay/suites")})`,
      });
      const unlist = listSuite({ address: fake.address, startedBy: "a test" }, process.env);
      const found = await connect();
      expect(found.address).to.equal(fake.address);
      found.close();
      listSuite({ address: "127.0.0.1:1", startedBy: "a test" }, process.env);
      expect(await failureOf(connect())).to.include({ code: "failed_precondition" });
      unlist();
    } finally {
      if (before === undefined) delete process.env.XDG_RUNTIME_DIR;
      else process.env.XDG_RUNTIME_DIR = before;
      rmSync(folder, { recursive: true });
    }
  });
});

async function drain(messages: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of messages);
}
