import { expect } from "chai";
import { PhaseKind } from "../../../gen/assay/common/v1/common_pb.js";
import { RunState } from "../../../gen/assay/controller/v1/controller_pb.js";
import { endPhase, type FakeMember, type FakeMembers, joinRunMembers, startPhase } from "../../support/fake-member.ts";
import { FakeTracer, type KeptSpan } from "../../support/fake-tracer.ts";
import { countOf } from "../../support/families.ts";
import { until } from "../rpc/harness.ts";
import { phaseOf, specOf, TestSuite } from "./suite.ts";

const done = { case: undefined } as const;
const createRun = "assay.controller.v1.RunService/CreateRun";

describe("the trace of a run", () => {
  let suite: TestSuite;
  let members: FakeMembers;
  let tracer: FakeTracer;

  beforeEach(async () => {
    tracer = new FakeTracer();
    suite = await TestSuite.start({ tracer });
    members = await joinRunMembers(suite.address);
  });
  afterEach(async () => {
    members.close();
    await suite.close();
  });

  function only(name: string): KeptSpan {
    const spans = tracer.named(name);
    expect(spans, name).to.have.lengthOf(1);
    return spans[0]!;
  }

  const contextsOf = (member: FakeMember) =>
    member.commands.map(({ action, traceContext }) => [action.case, traceContext.traceparent]);

  it("is the run, as a part of the call that created it, with its preparations and phases", async () => {
    const spec = specOf({ name: "nightly", phases: [phaseOf("warmup", PhaseKind.WARMUP), phaseOf("profiling")] });
    await suite.watch(await suite.create(spec, "run-1")).end;
    const run = only("run");
    expect(run.parent).to.equal(only(createRun).id);
    await until("the run's span to end", () => run.ends === 1);
    expect(run.attributes).to.deep.equal({
      "assay.run.id": "run-1",
      "assay.run.name": "nightly",
      "assay.endpoint.type": "chat",
      "assay.models": ["m"],
      "assay.run.state": "completed",
      "assay.run.reason": "",
    });
    expect(run.error).to.equal(undefined);
    expect(run.events.filter((event) => event === "state").length).to.be.at.least(2);
    for (const name of ["prepare dataset", "prepare workers", "phase warmup", "phase profiling", "process"]) {
      expect(only(name), name).to.include({ parent: run.id, ends: 1, error: undefined });
    }
    const phase = only("phase profiling");
    expect(phase.events).to.include.members(["phase_started", "sending_complete", "returning_complete", "records_complete"]);
    expect(phase.attributes).to.deep.include({
      "assay.phase.index": 1,
      "assay.phase.name": "profiling",
      "assay.phase.kind": "profiling",
      "assay.phase.drawn": 10,
      "assay.phase.succeeded": 10,
      "assay.phase.missing": 0,
    });
    expect(only("phase warmup").attributes).to.include({ "assay.phase.kind": "warmup" });
  });

  it("goes to members with the commands of each step", async () => {
    await suite.watch(await suite.create()).end;
    const phase = only("phase profiling").id;
    expect(contextsOf(members.timing)).to.deep.equal([
      ["configure", only("prepare workers").id],
      ["startPhase", phase],
      ["finish", only("run").id],
    ]);
    expect(contextsOf(members.records)).to.deep.equal([
      ["configure", only("prepare workers").id],
      ["startPhase", phase],
      ["closePhase", phase],
      ["finish", only("process").id],
      ["finish", only("run").id],
    ]);
    expect(contextsOf(members.dataset)[0]).to.deep.equal(["configure", only("prepare dataset").id]);
  });

  it("ends its preparations when everybody is ready", async () => {
    members.timing.onCommand = ({ runId, action }, member) => {
      if (action.case === "startPhase") startPhase(member, runId, 0);
      if (action.case === "stopPhase") endPhase(member, runId, 0);
      return done;
    };
    const runId = await suite.create();
    const watch = suite.watch(runId);
    await watch.seen(RunState.RUNNING);
    expect(only("prepare workers").ends).to.equal(1);
    expect(only("phase profiling").ends).to.equal(0);
    await suite.runs.cancelRun({ runId });
    await watch.end;
    await until("the run's span to end", () => only("run").ends === 1);
    expect(only("run").error).to.equal(undefined);
    expect(only("run").attributes["assay.run.state"]).to.equal("cancelled");
    expect(tracer.spans.filter(({ name, ends }) => ends > 1 && !name.includes("/")).map(({ name }) => name)).to.deep.equal([]);
  });

  it("of a run that fails has its reason, and no span of it stays open", async () => {
    members.dataset.onCommand = ({ action }) => (action.case === "configure" ? { error: "no such file", errorCode: 5 } : done);
    const run = await suite.watch(await suite.create()).end;
    expect(run.state).to.equal(RunState.FAILED);
    await until("the run's span to end", () => only("run").ends === 1);
    expect(only("run").error).to.deep.equal({ code: "failed", message: run.reason });
    expect(only("prepare dataset").error?.message).to.contain("no such file");
    expect(tracer.spans.filter(({ name, ends }) => ends === 0 && !name.includes("/")).map(({ name }) => name)).to.deep.equal([]);
  });

  it("of a run that waited and was cancelled ends with it", async () => {
    members.timing.onCommand = ({ runId, action }, member) => {
      if (action.case === "startPhase") startPhase(member, runId, 0);
      if (action.case === "stopPhase") endPhase(member, runId, 0);
      return done;
    };
    const first = await suite.create(specOf(), "first");
    await suite.create(specOf(), "second");
    await suite.runs.cancelRun({ runId: "second" });
    const waiting = tracer.named("run").find(({ attributes }) => attributes["assay.run.id"] === "second");
    expect(waiting).to.include({ ends: 1, error: undefined });
    const watch = suite.watch(first);
    await watch.seen(RunState.RUNNING);
    await suite.runs.cancelRun({ runId: first });
    await watch.end;
  });
});

describe("the counts of a controller", () => {
  let suite: TestSuite;
  let members: FakeMembers;

  beforeEach(async () => {
    suite = await TestSuite.start();
    members = await joinRunMembers(suite.address);
  });
  afterEach(async () => {
    members.close();
    await suite.close();
  });

  const count = (name: string, labels = {}) => countOf(suite.module.families(), `assay_controller_${name}`, labels);

  it("have its members by service, and its runs by state", async () => {
    expect(count("members", { service: "worker" })).to.equal(1);
    expect(count("members", { service: "telemetry" })).to.equal(0);
    await suite.watch(await suite.create()).end;
    await until("the end to be counted", () => count("ended_runs_total", { state: "completed" }) === 1);
    expect(count("created_runs_total")).to.equal(1);
    expect(count("runs", { state: "completed" })).to.equal(1);
    expect(count("runs", { state: "running" })).to.equal(0);
    expect(count("pending_commands")).to.equal(0);
    expect(count("lost_members_total")).to.equal(0);
  });
});
