import { existsSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import type { MessageInitShape } from "@bufbuild/protobuf";
import Database from "better-sqlite3";
import { expect } from "chai";
import { PhaseKind, ServiceKind } from "../../../gen/assay/common/v1/common_pb.js";
import { RunState } from "../../../gen/assay/controller/v1/controller_pb.js";
import type { DriveRunRequestSchema } from "../../../gen/assay/controller/v1/controller_service_pb.js";
import { WorkerManagerService } from "../../../gen/assay/worker_manager/v1/worker_manager_service_pb.js";
import { allowedTargets } from "../../../services/common/allowed-targets.ts";
import { AssayError } from "../../../services/common/errors.ts";
import { writeFloor } from "../../../services/common/floor-store.ts";
import { silentLogger } from "../../../services/common/logger.ts";
import { noSpan, noTracer } from "../../../services/common/observe/tracing.ts";
import { implement } from "../../../services/common/rpc/handler.ts";
import { createRpcServer } from "../../../services/common/rpc/server.ts";
import { RUN_BOUNDS } from "../../../services/controller/core/run-machine.ts";
import {
  closePhases,
  endPhase,
  FakeMember,
  type FakeMembers,
  joinRunMembers,
  playPhases,
  prepareDataset,
  startPhase,
} from "../../support/fake-member.ts";
import { goodFloor } from "../../unit/floors.ts";
import { failureOf, gather, until } from "../rpc/harness.ts";
import { phaseOf, QUICK, specOf, TestSuite } from "./suite.ts";

const done = { case: undefined } as const;

describe("runs of a suite", () => {
  let suite: TestSuite;
  let members: FakeMembers;
  const others: FakeMember[] = [];

  beforeEach(async () => {
    suite = await TestSuite.start();
    members = await joinRunMembers(suite.address);
  });
  afterEach(async () => {
    for (const member of others.splice(0)) member.close();
    members.close();
    await suite.close();
  });

  /** Timing starts phases and leaves them open. */
  const holdPhases = (): void => {
    members.timing.onCommand = ({ runId, action }, member) => {
      if (action.case === "startPhase") startPhase(member, runId, action.value.phase);
      if (action.case === "stopPhase") endPhase(member, runId, action.value.phase);
      return done;
    };
  };

  describe("from beginning to end", () => {
    it("goes through every state in order, and ends with its counts and an end time", async () => {
      const spec = specOf({ phases: [phaseOf("warmup", PhaseKind.WARMUP), phaseOf("profiling")] });
      const runId = await suite.create(spec, "run-1");
      const watch = suite.watch(runId);
      const run = await watch.end;
      expect(run.state, run.reason).to.equal(RunState.COMPLETED);
      expect([...watch.states].sort()).to.deep.equal(watch.states);
      expect(run.endTime).to.not.equal(undefined);
      expect(run.phases.map(({ name, identity }) => [name, identity?.succeeded])).to.deep.equal([
        ["warmup", 10n],
        ["profiling", 10n],
      ]);
      expect(run.folder).to.equal(join(suite.folder, "run-1"));
    });

    it("tells every member in turn: configure, phases, accounts, end", async () => {
      const runId = await suite.create();
      await suite.watch(runId).end;
      const told = (member: FakeMember) => member.commands.map(({ action }) => action.case);
      expect(told(members.dataset)).to.deep.equal(["configure", "finish"]);
      expect(told(members.timing)).to.deep.equal(["configure", "startPhase", "finish"]);
      expect(told(members.processor)).to.deep.equal(["configure", "finish"]);
      expect(told(members.records)).to.deep.equal(["configure", "startPhase", "closePhase", "finish", "finish"]);
      expect(told(members.workers[0]!).sort()).to.deep.equal(["askTarget", "askTarget", "configure", "finish"]);
      for (const { commands } of members.all) for (const command of commands) expect(command.runId).to.equal(runId);
    });

    it("carries the floor of the host where all its load comes from this one and has been measured", async () => {
      const floorIn = async (runId: string) => {
        await suite.watch(await suite.create(specOf(), runId)).end;
        const configure = members.records.commandsOf("configure").at(-1)?.action;
        return configure?.case === "configure" ? configure.value.spec?.hostFloor : undefined;
      };
      expect(await floorIn("before")).to.equal(undefined);
      writeFloor(suite.folder, goodFloor);
      expect(await floorIn("after")).to.include({ host: "bench", requestsPerSec: 41_000 });
      expect(await failureOf(suite.create(specOf({ hostFloor: { host: "mine" } })))).to.include({ code: "unimplemented" });
      const elsewhere = await FakeMember.join({
        ...{ address: suite.address, services: [ServiceKind.WORKER], hello: { host: "elsewhere" } },
      });
      others.push(elsewhere);
      expect((await suite.runs.getRun({ runId: "after" })).run?.spec?.hostFloor?.host).to.equal("bench");
      expect((await suite.runs.createRun({ spec: specOf(), runId: "mixed" })).run?.spec?.hostFloor).to.equal(undefined);
    });

    it("gives members the effective spec with its secrets, and everybody else the masked one", async () => {
      const runId = await suite.create(specOf({ target: { apiKey: "s3cret", headers: { "x-key": "t0ken" } } }));
      const run = await suite.watch(runId).end;
      const configure = members.workers[0]!.commandsOf("configure")[0]?.action;
      expect(configure?.case === "configure" && configure.value.spec?.target?.apiKey).to.equal("s3cret");
      expect(configure?.case === "configure" && configure.value.dataset?.datasetId).to.equal("d-1");
      expect(run.spec?.target).to.deep.include({ apiKey: "***", headers: { "x-key": "***" } });
      const listed = await suite.runs.listRuns({});
      expect(JSON.stringify(listed, (_, value) => (typeof value === "bigint" ? `${value}` : value))).to.not.match(/s3cret|t0ken/);
    });

    it("starts no phase before the last worker has said that it is ready", async () => {
      const late = await FakeMember.join({
        address: suite.address,
        services: [ServiceKind.WORKER],
        hello: { memberId: "worker-late" },
        onCommand: ({ action }) => (action.case === "configure" ? "silence" : done),
      });
      others.push(late);
      const runId = await suite.create(specOf({ workers: { maxWorkers: 2 } }));
      const watch = suite.watch(runId);
      await until("the worker to be asked", () => late.commandsOf("configure").length === 1);
      await until("the other one to be asked", () => members.workers[0]!.commandsOf("configure").length === 1);
      await until("the watch to have begun", () => watch.states.length > 0);
      expect(members.timing.commandsOf("startPhase")).to.deep.equal([]);
      expect(watch.states.at(-1)).to.equal(RunState.CONFIGURING);
      late.reply(late.commandsOf("configure")[0]!.commandId, done);
      expect((await watch.end).state).to.equal(RunState.COMPLETED);
    });

    it("shows timing's accounts as its heartbeats tell them", async () => {
      holdPhases();
      const runId = await suite.create();
      const watch = suite.watch(runId);
      await watch.seen(RunState.RUNNING);
      members.timing.beat([{ phase: 0, drawn: 7n, sent: 4n, unused: 1n }]);
      await until("the counts to be shown", () => watch.run?.phases[0]?.drawn === 7n);
      expect(watch.run?.phases[0]).to.include({ sent: 4n, outstanding: 2n, asked: 10n });
      await suite.runs.cancelRun({ runId });
      await watch.end;
    });
  });

  describe("and their target", () => {
    const refused = {
      case: "target" as const,
      value: {
        method: "GET",
        url: "http://h:1/v1/models",
        error: { code: "connect_refused", phase: "connect", message: "connect ECONNREFUSED h:1" },
      },
    };
    const reason = "target not ready: GET http://h:1/v1/models: connect_refused: connect ECONNREFUSED h:1; is the server running";

    it("fail before their first request where it cannot be used, with one reason", async () => {
      members.workers[0]!.onCommand = ({ action }) => (action.case === "askTarget" ? refused : done);
      const run = await suite.watch(await suite.create()).end;
      expect(run.state).to.equal(RunState.FAILED);
      expect(run.reason).to.include(reason);
      expect(run.startTime).to.equal(undefined);
      expect(members.timing.commandsOf("startPhase")).to.deep.equal([]);
      expect(members.records.commandsOf("finish")[0]?.action.value).to.deep.include({ state: RunState.FAILED });
    });

    it("ask it with everything that requests carry, while others still get ready", async () => {
      let isPrepared = false;
      members.dataset.onCommand = async (command) => {
        if (command.action.case === "configure") {
          await until("the question", () => members.workers[0]!.commandsOf("askTarget").length === 1);
          isPrepared = true;
        }
        return prepareDataset(command);
      };
      const target = { urls: [{ url: "http://h:1" }], apiKey: "s3cret", headers: { "x-key": "t0ken" } };
      const run = await suite.watch(await suite.create(specOf({ target }))).end;
      expect(run.state, run.reason).to.equal(RunState.COMPLETED);
      expect(isPrepared).to.equal(true);
      const question = members.workers[0]!.commandsOf("askTarget")[0]?.action;
      expect(question?.case === "askTarget" && question.value.target).to.deep.include({
        apiKey: "s3cret",
        headers: { "x-key": "t0ken" },
      });
      expect(question?.case === "askTarget" && question.value.question).to.deep.equal({ case: "getPath", value: "/v1/models" });
    });

    it("do not ask it where that was asked for", async () => {
      const run = await suite.watch(await suite.create(specOf({ target: { noProbe: true } }))).end;
      expect(run.state, run.reason).to.equal(RunState.COMPLETED);
      expect(members.workers[0]!.commandsOf("askTarget")).to.deep.equal([]);
    });

    it("say what they wait for, until it comes", async () => {
      let asked = 0;
      members.workers[0]!.onCommand = ({ action }) => (action.case === "askTarget" && asked++ < 2 ? refused : done);
      const waitForModel = { timeoutSec: 60, intervalSec: 0.01, mode: "models" };
      const watch = suite.watch(await suite.create(specOf({ target: { urls: [{ url: "http://h:1" }], waitForModel } })));
      const run = await watch.end;
      expect(run.state, run.reason).to.equal(RunState.COMPLETED);
      const waits = watch.events.filter(({ kind }) => kind === "waiting").map(({ message }) => message);
      expect(waits).to.have.length(2);
      expect(waits[0]).to.match(/^waiting for the model at http:\/\/h:1, 0 s of 60 s: GET .*: connect_refused: /);
    });

    for (const [what, reaction] of [
      ["between two tries", refused],
      ["in the middle of one", "silence"],
    ] as const) {
      it(`are over at once when they are cancelled while they wait for it, ${what}`, async () => {
        members.workers[0]!.onCommand = ({ action }) => (action.case === "askTarget" ? reaction : done);
        const waitForModel = { timeoutSec: 600, intervalSec: 600, mode: "models" };
        const runId = await suite.create(specOf({ target: { waitForModel } }));
        const watch = suite.watch(runId);
        await until("the question", () => members.workers[0]!.commandsOf("askTarget").length === 1);
        if (reaction !== "silence") await until("the wait", () => watch.events.some(({ kind }) => kind === "waiting"));
        await suite.runs.cancelRun({ runId });
        expect((await watch.end).state).to.equal(RunState.CANCELLED);
        expect(members.timing.commandsOf("startPhase")).to.deep.equal([]);
      });
    }

    it("ask it by another worker where the first one is gone meanwhile", async () => {
      const second = await FakeMember.join({
        address: suite.address,
        services: [ServiceKind.WORKER],
        hello: { memberId: "worker-1" },
      });
      others.push(second);
      members.workers[0]!.onCommand = ({ action }, member) => {
        if (action.case !== "askTarget") return done;
        member.cut();
        return "silence";
      };
      const run = await suite.watch(await suite.create()).end;
      expect(run.state, run.reason).to.equal(RunState.COMPLETED);
      expect(second.commandsOf("askTarget")).to.have.length(2);
    });

    it("ask it by a worker of a host that they may use, whoever else is there", async () => {
      const near = members.workers[0]!;
      near.onCommand = ({ action }) => (action.case === "askTarget" ? refused : done);
      const join = async (services: ServiceKind[], hello: object) =>
        others.push(await FakeMember.join({ address: suite.address, services, hello: { host: "far", ...hello } }));
      const missing = (): never => {
        throw new AssayError("unimplemented", "not in this suite");
      };
      const manager = implement(WorkerManagerService, {
        role: "operator",
        handlers: {
          spawnWorkers: async () => {
            await join([ServiceKind.WORKER], { memberId: "worker-far" });
            return { workers: [{ workerId: "worker-far" }] };
          },
          stopWorkers: missing,
          listWorkers: missing,
          watchWorkers: missing,
        },
      });
      const server = createRpcServer({ services: [manager], listen: {}, auth: { insecure: true }, log: silentLogger });
      try {
        await join([ServiceKind.WORKER_MANAGER], { address: (await server.start()).address });
        const run = await suite.watch(await suite.create(specOf({ workers: { hosts: ["far"], maxWorkers: 1 } }))).end;
        expect(run.state, run.reason).to.equal(RunState.COMPLETED);
        expect(near.commandsOf("askTarget")).to.deep.equal([]);
      } finally {
        await server.stop(0);
      }
    });

    it("have failed when not one measured request succeeded, with the results that there are", async () => {
      members.records.onCommand = ({ action }) =>
        action.case === "closePhase" ? { case: "identity", value: { drawn: 10n, errored: 9n, cancelled: 1n } } : done;
      const run = await suite.watch(await suite.create()).end;
      expect(run.state).to.equal(RunState.FAILED);
      expect(run.reason).to.equal("no request succeeded: 9 failed, 1 were cancelled");
      const finish = members.records.commandsOf("finish")[0]?.action;
      expect(finish?.case === "finish" && finish.value).to.deep.include({ state: RunState.FAILED, reason: run.reason });
    });
  });

  describe("when something fails", () => {
    it("fails with the dataset's own words", async () => {
      members.dataset.onCommand = ({ action }) =>
        action.case === "configure" ? { error: "no such corpus", errorCode: 3 } : done;
      const run = await suite.watch(await suite.create()).end;
      expect(run.state).to.equal(RunState.FAILED);
      expect(run.reason).to.match(/^dataset not ready: .*dataset-1: no such corpus$/);
      expect(members.timing.commandsOf("startPhase")).to.deep.equal([]);
      expect(members.timing.commandsOf("finish")).to.have.length(1);
    });

    it("fails naming the worker that never gets ready", async () => {
      members.workers[0]!.onCommand = ({ action }) => (action.case === "configure" ? "silence" : done);
      const run = await suite.watch(await suite.create()).end;
      expect(run.state).to.equal(RunState.FAILED);
      expect(run.reason).to.include("worker-0 did not answer configure within 400 ms");
    });

    it("fails naming the service that is not there", async () => {
      const small = await TestSuite.start();
      try {
        for (const service of [
          ServiceKind.DATASET,
          ServiceKind.RECORDS_MANAGER,
          ServiceKind.RECORD_PROCESSOR,
          ServiceKind.WORKER,
        ]) {
          others.push(await FakeMember.join({ address: small.address, services: [service], onCommand: prepareDataset }));
        }
        const run = await small.watch(await small.create()).end;
        expect(run.state).to.equal(RunState.FAILED);
        expect(run.reason).to.include("no timing is in the suite");
      } finally {
        await small.close();
      }
    });

    it("fails, with everything committed so far, when timing dies", async () => {
      holdPhases();
      const runId = await suite.create();
      const watch = suite.watch(runId);
      await watch.seen(RunState.RUNNING);
      members.timing.beat([{ phase: 0, drawn: 3n, lastDrawn: 3n, askedRatePerSec: 12.5, ranges: [{ first: 1n, last: 3n }] }]);
      await until("the heartbeat to be taken", () => watch.run?.phases[0]?.drawn === 3n);
      expect(watch.run?.phases[0]?.askedRatePerSec).to.equal(12.5);
      members.timing.cut();
      const run = await watch.end;
      expect(run.state).to.equal(RunState.FAILED);
      expect(run.reason).to.match(/^timing is gone: timing-1: its process is gone/);
      const close = members.records.commandsOf("closePhase")[0]?.action;
      expect(
        close?.case === "closePhase" && close.value.source.case === "heartbeat" && close.value.source.value.lastDrawn,
      ).to.equal(3n);
    });

    it("that has lost its timing is closed once its workers say that nothing more will come, and waits while one of them does not", async () => {
      const bounds = { ...RUN_BOUNDS, ...QUICK.bounds, leaseOverNs: 600e9 };
      const patient = await TestSuite.start({ timeouts: { ...QUICK, bounds } });
      const played = await joinRunMembers(patient.address, 2);
      try {
        played.timing.onCommand = ({ runId, action }, member) => {
          if (action.case === "startPhase") startPhase(member, runId, action.value.phase);
          return done;
        };
        const watch = patient.watch(await patient.create(specOf({ workers: { maxWorkers: 2 } })));
        await watch.seen(RunState.RUNNING);
        const [first, ...rest] = played.workers;
        for (const worker of rest) worker.counters = { at_rest: 1n };
        played.timing.cut();
        await watch.seen(RunState.DRAINING);
        let beats = 0;
        await until("many heartbeats", () => {
          for (const worker of played.workers) worker.beat();
          return ++beats > 50;
        });
        expect(played.records.commandsOf("closePhase")).to.deep.equal([]);
        first!.counters = { at_rest: 1n };
        first!.beat();
        const run = await watch.end;
        expect([run.state, played.records.commandsOf("closePhase").length]).to.deep.equal([RunState.FAILED, 1]);
        expect(run.reason).to.match(/^timing is gone: /);
      } finally {
        played.close();
        await patient.close();
      }
    });

    it("fails when timing says nothing about its phase", async () => {
      members.timing.onCommand = ({ runId, action }, member) => {
        if (action.case === "startPhase") startPhase(member, runId, action.value.phase);
        return done;
      };
      const spec = specOf({ phases: [{ ...phaseOf("profiling"), stop: { durationSec: 0.1 }, graceSec: 0 }] });
      const run = await suite.watch(await suite.create(spec)).end;
      expect(run.reason).to.match(/^timing is gone: silent about sending complete of phase profiling/);
    });

    it("fails when the records-manager says nothing about the accounts", async () => {
      members.records.onCommand = ({ action }) => (action.case === "closePhase" ? "silence" : done);
      const run = await suite.watch(await suite.create()).end;
      expect(run.state).to.equal(RunState.FAILED);
      expect(run.reason).to.include("records-manager is gone");
    });

    it("has failed, and the next one begins, where the controller itself cannot carry it out", async () => {
      let isBroken = true;
      const event = (): void => {
        if (isBroken) throw new Error("out of order");
      };
      const own = await TestSuite.start({ tracer: { ...noTracer, start: () => ({ ...noSpan, event }) } });
      const ownMembers = await joinRunMembers(own.address);
      try {
        const run = await own.watch(await own.create()).end;
        expect([run.state, run.reason]).to.deep.equal([RunState.FAILED, "out of order"]);
        expect(run.endTime).to.not.equal(undefined);
        isBroken = false;
        expect((await own.watch(await own.create()).end).state).to.equal(RunState.COMPLETED);
      } finally {
        ownMembers.close();
        await own.close();
      }
    });

    it("is let go of by a member that was away when it ended, once that is back", async () => {
      holdPhases();
      const runId = await suite.create();
      const watch = suite.watch(runId);
      await watch.seen(RunState.RUNNING);
      const { processor } = members;
      processor.cut();
      await until("it to be lost", () => watch.events.some(({ kind }) => kind === "member_lost"));
      endPhase(members.timing, runId, 0);
      expect((await watch.end).state).to.equal(RunState.COMPLETED);
      expect(processor.commandsOf("finish")).to.deep.equal([]);
      await processor.dial();
      await until("it to be told", () => processor.commandsOf("finish").length === 1);
      expect(processor.commandsOf("finish")[0]).to.include({ runId });
    });

    it("ends though a member does not let go of it", async () => {
      members.processor.onCommand = ({ action }) => (action.case === "finish" ? "silence" : done);
      expect((await suite.watch(await suite.create()).end).state).to.equal(RunState.COMPLETED);
    });

    it("fails when the records-manager says that its file cannot be written", async () => {
      holdPhases();
      const runId = await suite.create();
      const watch = suite.watch(runId);
      await watch.seen(RunState.RUNNING);
      members.records.event(runId, { case: "failed", value: { reason: "database or disk is full" } });
      const run = await watch.end;
      expect([run.state, run.reason]).to.deep.equal([
        RunState.FAILED,
        "records-manager is gone: records-manager-1: database or disk is full",
      ]);
    });

    it("goes on without telemetry, with a note", async () => {
      const telemetry = await FakeMember.join({
        address: suite.address,
        services: [ServiceKind.TELEMETRY],
        onCommand: ({ action }) => (action.case === "configure" ? "silence" : done),
      });
      others.push(telemetry);
      const watch = suite.watch(await suite.create(specOf({ telemetry: {} })));
      expect((await watch.end).state).to.equal(RunState.COMPLETED);
      expect(watch.events.map(({ message }) => message).join("\n")).to.match(/telemetry not ready: .*telemetry-1 did not answer/);
    });

    it("is not touched by the last words about another run", async () => {
      holdPhases();
      const runId = await suite.create();
      const watch = suite.watch(runId);
      await watch.seen(RunState.RUNNING);
      members.records.event("run-before", { case: "failed", value: { reason: "closed" } });
      endPhase(members.timing, "run-before", 0);
      members.timing.event("run-before", { case: "note", value: { kind: "note", message: "late word" } });
      endPhase(members.timing, runId, 0);
      expect((await watch.end).state).to.equal(RunState.COMPLETED);
      expect(watch.events.map(({ message }) => message)).to.not.include("late word");
    });
  });

  describe("cancelled", () => {
    it("once, while it waits for its turn: at once, and its watcher is told", async () => {
      holdPhases();
      const first = await suite.create(specOf(), "first");
      await suite.watch(first).seen(RunState.RUNNING);
      await suite.create(specOf(), "second");
      const watch = suite.watch("second");
      await watch.seen(RunState.CREATED);
      await suite.runs.cancelRun({ runId: "second" });
      const run = await watch.end;
      expect([run.state, run.reason]).to.deep.equal([RunState.CANCELLED, "cancelled before it began"]);
      expect(run.endTime).to.not.equal(undefined);
      expect((await suite.suites.getSuite({})).activeRunIds).to.deep.equal(["first"]);
      await suite.runs.cancelRun({ runId: "first" });
      expect((await suite.watch("first").end).state).to.equal(RunState.CANCELLED);
    });

    it("once, while it is made ready: nothing was sent, so it ends", async () => {
      members.dataset.onCommand = ({ action }) => (action.case === "configure" ? "silence" : done);
      const runId = await suite.create();
      const watch = suite.watch(runId);
      await watch.seen(RunState.CONFIGURING);
      await suite.runs.cancelRun({ runId });
      expect([(await watch.end).state, watch.run?.reason]).to.deep.equal([RunState.CANCELLED, "cancelled by the user"]);
      expect(members.timing.commandsOf("startPhase")).to.deep.equal([]);
    });

    it("once, while it runs: timing stops, accounts are closed, results are made", async () => {
      holdPhases();
      const runId = await suite.create();
      const watch = suite.watch(runId);
      await watch.seen(RunState.RUNNING);
      await suite.runs.cancelRun({ runId });
      const run = await watch.end;
      expect([run.state, run.reason]).to.deep.equal([RunState.CANCELLED, "cancelled by the user"]);
      const stop = members.timing.commandsOf("stopPhase")[0]?.action;
      expect(stop?.case === "stopPhase" && [stop.value.cancelInFlight, stop.value.graceSec]).to.deep.equal([false, 1]);
      expect(members.records.commands.map(({ action }) => action.case)).to.include.members(["closePhase", "finish"]);
      expect(watch.states).to.include.members([RunState.DRAINING, RunState.PROCESSING]);
    });

    it("once, while a phase is on its way to timing: it is stopped after it has begun, not before", async () => {
      holdPhases();
      const gate = Promise.withResolvers<void>();
      members.records.onCommand = async (command) => {
        if (command.action.case === "startPhase") await gate.promise;
        return closePhases(command);
      };
      const runId = await suite.create();
      const watch = suite.watch(runId);
      await watch.seen(RunState.RUNNING);
      await suite.runs.cancelRun({ runId });
      await watch.seen(RunState.DRAINING);
      gate.resolve();
      expect((await watch.end).state, watch.run?.reason).to.equal(RunState.CANCELLED);
      const cases = members.timing.commands.map(({ action }) => action.case);
      expect(cases.filter((each) => each === "startPhase" || each === "stopPhase")).to.deep.equal(["startPhase", "stopPhase"]);
    });

    it("twice, while it drains: it ends without waiting for what is in flight", async () => {
      members.timing.onCommand = ({ runId, action }, member) => {
        if (action.case === "startPhase") startPhase(member, runId, action.value.phase);
        return done;
      };
      const runId = await suite.create();
      const watch = suite.watch(runId);
      await watch.seen(RunState.RUNNING);
      await suite.runs.cancelRun({ runId });
      await watch.seen(RunState.DRAINING);
      await suite.runs.cancelRun({ runId });
      expect((await watch.end).state).to.equal(RunState.CANCELLED);
      expect(members.records.commandsOf("closePhase")).to.deep.equal([]);
      expect(members.records.commandsOf("finish")).to.have.length(1);
    });

    it("once, while results are made: it ends as its files say", async () => {
      const gate = Promise.withResolvers<void>();
      members.records.onCommand = async (command) => {
        if (command.action.case === "finish") await gate.promise;
        return closePhases(command);
      };
      const runId = await suite.create();
      const watch = suite.watch(runId);
      await until("the results to be made", () => members.records.commandsOf("finish").length === 1);
      await suite.runs.cancelRun({ runId });
      gate.resolve();
      const run = await watch.end;
      const told = members.records.commandsOf("finish").map(({ action }) => action.case === "finish" && action.value.state);
      expect([run.state, run.reason, ...told]).to.deep.equal([RunState.COMPLETED, "", RunState.COMPLETED, RunState.COMPLETED]);
    });

    it("twice, while results are made: it ends at once, as its file says, whatever the records-manager does", async () => {
      members.records.onCommand = (command, member) => {
        const isSecond = member.commandsOf("finish").length > 1;
        return command.action.case === "finish" && !isSecond ? "silence" : closePhases(command);
      };
      const runId = await suite.create();
      const watch = suite.watch(runId);
      await watch.seen(RunState.PROCESSING);
      await suite.runs.cancelRun({ runId });
      await suite.runs.cancelRun({ runId });
      expect((await watch.end).state).to.equal(RunState.COMPLETED);
    });

    it("now: as twice, and what is in flight is given up", async () => {
      holdPhases();
      const runId = await suite.create();
      const watch = suite.watch(runId);
      await watch.seen(RunState.RUNNING);
      await suite.runs.cancelRun({ runId, now: true });
      expect((await watch.end).state).to.equal(RunState.CANCELLED);
      const stop = members.timing.commandsOf("stopPhase")[0]?.action;
      expect(stop?.case === "stopPhase" && stop.value.cancelInFlight).to.equal(true);
    });

    it("after its end: refused", async () => {
      const runId = await suite.create();
      await suite.watch(runId).end;
      expect(await failureOf(suite.runs.cancelRun({ runId }))).to.include({ code: "failed_precondition" });
      expect(await failureOf(suite.runs.cancelRun({ runId: "none" }))).to.include({ code: "not_found" });
    });
  });

  describe("side by side", () => {
    it("are carried out one at a time, in the order of their creation", async () => {
      holdPhases();
      const ids = ["a", "b", "c"];
      for (const id of ids) await suite.create(specOf(), id);
      expect((await suite.suites.getSuite({})).activeRunIds).to.deep.equal(ids);
      for (const [index, id] of ids.entries()) {
        const watch = suite.watch(id);
        await watch.seen(RunState.RUNNING);
        for (const later of ids.slice(index + 1)) {
          expect((await suite.runs.getRun({ runId: later })).run?.state).to.equal(RunState.CREATED);
        }
        endPhase(members.timing, id, 0);
        expect((await watch.end).state).to.equal(RunState.COMPLETED);
      }
      expect(members.timing.commandsOf("configure").map(({ runId }) => runId)).to.deep.equal(ids);
      await until("the suite to be idle", () => members.records.commandsOf("finish").length === 6);
      expect((await suite.suites.getSuite({})).activeRunIds).to.deep.equal([]);
    });

    it("have ids of their own, sortable by time, or the one wished for", async () => {
      const given = await suite.create();
      expect(given).to.match(/^\d{8}-\d{6}-[0-9a-f]{6}$/);
      expect(await suite.create(specOf(), "mine_1-x")).to.equal("mine_1-x");
    });

    it("never share an id, not even with one of an earlier controller", async () => {
      await suite.watch(await suite.create(specOf(), "one")).end;
      expect(await failureOf(suite.create(specOf(), "one"))).to.include({
        code: "already_exists",
        message: "run one exists already",
      });
      await suite.stop();
      await suite.open();
      expect(await failureOf(suite.create(specOf(), "one"))).to.include({ code: "already_exists" });
    });

    for (const id of ["Run", "-a", "a b", "../x", "a".repeat(65), "ä"]) {
      it(`have no id like ${JSON.stringify(id)}`, async () => {
        const error = await failureOf(suite.create(specOf(), id));
        expect(error.code).to.equal("invalid_argument");
        expect(error.message).to.include("run_id: must be 1 to 64").and.include(JSON.stringify(id));
      });
    }
  });

  describe("in lists", () => {
    it("are there newest first, by pages, each once", async () => {
      const ids: string[] = [];
      for (let index = 0; index < 5; index++) ids.unshift(await suite.create(specOf(), `run-${index}`));
      const pages: string[][] = [];
      let pageToken = "";
      do {
        const page = await suite.runs.listRuns({ pageSize: 2, pageToken });
        pages.push(page.runs.map(({ runId }) => runId));
        pageToken = page.nextPageToken;
      } while (pageToken !== "");
      expect(pages.flat()).to.deep.equal(ids);
      expect(pages.map(({ length }) => length)).to.deep.equal([2, 2, 1]);
    });

    it("are refused with a negative page size or a token of no page", async () => {
      expect((await failureOf(suite.runs.listRuns({ pageSize: -1 }))).message).to.include(
        "page_size: must be at least 0, got -1",
      );
      expect((await failureOf(suite.runs.listRuns({ pageToken: "no-such" }))).code).to.equal("invalid_argument");
    });

    it("stay known after a restart; those that had not ended are failed, and a watch of them ends", async () => {
      await suite.watch(await suite.create(specOf(), "ended")).end;
      holdPhases();
      await suite.create(specOf(), "cut");
      await suite.watch("cut").seen(RunState.RUNNING);
      await suite.create(specOf(), "waiting");
      await suite.stop();
      await suite.open();
      const { runs } = await suite.runs.listRuns({});
      expect(runs.map(({ runId, state }) => [runId, RunState[state]])).to.deep.equal([
        ["waiting", "FAILED"],
        ["cut", "FAILED"],
        ["ended", "COMPLETED"],
      ]);
      expect((await suite.watch("cut").end).state).to.equal(RunState.FAILED);
    });
  });

  describe("while the catalog cannot be written", () => {
    /** As on a full disk. */
    function change(sql: string): void {
      const db = new Database(join(suite.folder, "catalog.db"));
      db.exec(sql);
      db.close();
    }
    const fill = (): void =>
      change("CREATE TRIGGER full BEFORE INSERT ON runs BEGIN SELECT RAISE(FAIL, 'database or disk is full'); END");
    const empty = (): void => change("DROP TRIGGER full");

    it("are refused, and nothing of them begins", async () => {
      fill();
      const error = await failureOf(suite.create(specOf(), "refused"));
      expect(error.message).to.include("cannot write to catalog").and.include("database or disk is full");
      expect(await failureOf(suite.runs.getRun({ runId: "refused" }))).to.include({ code: "not_found" });
      expect((await suite.suites.getSuite({})).activeRunIds).to.deep.equal([]);
      empty();
      expect((await suite.watch(await suite.create(specOf(), "refused")).end).state).to.equal(RunState.COMPLETED);
      expect(members.timing.commandsOf("configure")).to.have.length(1);
    });

    it("end all the same, and the next one begins", async () => {
      holdPhases();
      for (const id of ["first", "second"]) await suite.create(specOf(), id);
      const watch = suite.watch("first");
      await watch.seen(RunState.RUNNING);
      fill();
      endPhase(members.timing, "first", 0);
      expect((await watch.end).state).to.equal(RunState.COMPLETED);
      await suite.watch("second").seen(RunState.RUNNING);
      const { run } = await suite.runs.cancelRun({ runId: "second" });
      expect(run?.runId).to.equal("second");
      empty();
    });
  });

  describe("deleted", () => {
    it("are forgotten, with their folder", async () => {
      const run = await suite.watch(await suite.create(specOf(), "old")).end;
      await until("the run to be let go of", () => members.records.commandsOf("finish").length === 2);
      expect(existsSync(run.folder)).to.equal(true);
      await suite.runs.deleteRun({ runId: "old" });
      expect(existsSync(run.folder)).to.equal(false);
      expect(await failureOf(suite.runs.getRun({ runId: "old" }))).to.include({ code: "not_found" });
      expect(await failureOf(suite.runs.deleteRun({ runId: "old" }))).to.include({ code: "not_found" });
      expect(await suite.create(specOf(), "old")).to.equal("old");
    });

    it("with the files that have a prefix of their own", async () => {
      const run = await suite.watch(await suite.create(specOf({ output: { exportPrefix: "mine" } }), "old")).end;
      await until("the run to be let go of", () => members.records.commandsOf("finish").length === 2);
      for (const file of ["mine.json", "mine_console.txt", "inputs.json"]) writeFileSync(join(run.folder, file), "x");
      await suite.runs.deleteRun({ runId: "old" });
      expect(existsSync(run.folder)).to.equal(false);
    });

    it("only once they have ended, which they have not before their members have let go of them", async () => {
      holdPhases();
      let release = (): void => {};
      members.processor.onCommand = ({ action }) =>
        action.case === "finish" ? new Promise((resolve) => (release = () => resolve(done))) : done;
      const runId = await suite.create();
      const watch = suite.watch(runId);
      await watch.seen(RunState.RUNNING);
      expect(await failureOf(suite.runs.deleteRun({ runId }))).to.include({ code: "failed_precondition" });
      endPhase(members.timing, runId, 0);
      await until("the members to be told", () => members.processor.commandsOf("finish").length === 1);
      expect(await failureOf(suite.runs.deleteRun({ runId }))).to.include({ code: "failed_precondition" });
      const { run } = await suite.runs.getRun({ runId });
      expect([run?.state, run?.endTime]).to.deep.equal([RunState.PROCESSING, undefined]);
      release();
      await watch.end;
      await suite.runs.deleteRun({ runId });
      expect((await suite.runs.listRuns({})).runs).to.deep.equal([]);
    });
  });

  describe("validated", () => {
    it("start nothing, and show the effective spec without its secrets", async () => {
      const answer = await suite.runs.validateRun({ spec: specOf({ target: { apiKey: "k" }, workers: { maxWorkers: 1 } }) });
      expect(answer.effectiveSpec?.target?.apiKey).to.equal("***");
      expect(answer.effectiveSpec?.dataset?.entries).to.equal(100n);
      expect((await suite.runs.listRuns({})).runs).to.deep.equal([]);
    });

    it("are refused with every violation, unsupported fields apart", async () => {
      const wrong = await failureOf(suite.runs.validateRun({ spec: specOf({ models: [], telemetry: { intervalMs: 1 } }) }));
      expect(wrong.violations.map(({ field }) => field)).to.deep.equal(["models", "telemetry.interval_ms"]);
      const unsupported = await failureOf(suite.runs.createRun({ spec: specOf({ endpoint: { templateFile: "t.jinja" } }) }));
      expect(unsupported).to.include({ code: "unimplemented" });
      expect(await failureOf(suite.runs.validateRun({}))).to.include({ code: "invalid_argument" });
    });

    it("are refused where they ask for more record services than there are", async () => {
      const spec = specOf({ recordManagers: 2, workers: { recordProcessors: 2 } });
      const { violations } = await failureOf(suite.runs.createRun({ spec }));
      expect(violations.map(({ field, description }) => `${field} ${description}`)).to.deep.equal([
        "record_managers must be at most 1, which is how many records-managers are in the suite, got 2",
        "workers.record_processors must be at most 1, which is how many record-processors are in the suite, got 2",
      ]);
    });
  });

  describe("driven", () => {
    type Request = MessageInitShape<typeof DriveRunRequestSchema>;

    /** A client's end of DriveRun whose messages come when the test sends them. */
    function drive(create: Request) {
      const stream = suite.runs.driveRun({});
      const states: RunState[] = [];
      const warnings: string[] = [];
      const changes: string[] = [];
      const refusals: string[] = [];
      const told = { handled: 0 };
      const closed = Promise.withResolvers<unknown>();
      stream.onMessage(({ run, events, warnings: said, handled, refusals: refused }) => {
        const asked = ["load_changed", "cancel_asked"];
        changes.push(...events.filter(({ kind }) => asked.includes(kind)).map(({ message }) => message));
        refusals.push(...refused.map(({ request, code, message }) => `${request}: ${code} ${message}`));
        told.handled = handled;
        if (run !== undefined) states.push(run.state);
        warnings.push(...said);
      });
      stream.onClose((error) => closed.resolve(error));
      stream.send(create);
      return { stream, states, warnings, changes, refusals, told, closed: closed.promise };
    }
    const createOf = (runId: string, cancelOnDisconnect = false): Request => ({
      message: { case: "create", value: { run: { runId, spec: specOf() }, cancelOnDisconnect, intervalMs: 50 } },
    });
    const attachTo = (runId: string, requestedBy = ""): Request => ({
      message: { case: "attach", value: { runId, intervalMs: 50, requestedBy } },
    });
    const adjustTo = (change: object): Request => ({ message: { case: "adjust", value: { phase: 0, ...change } } });
    const running = (states: readonly RunState[]) => until("the run", () => states.includes(RunState.RUNNING));

    it("are created, adjusted, and watched to their end", async () => {
      holdPhases();
      const { stream, states, changes, closed } = drive(createOf("d"));
      await running(states);
      stream.send({ message: { case: "adjust", value: { phase: 0, concurrency: 9 } } });
      await until("timing to be told", () => members.timing.commandsOf("adjustPhase").length === 1);
      const adjust = members.timing.commandsOf("adjustPhase")[0]?.action;
      expect(adjust?.case === "adjustPhase" && adjust.value.concurrency).to.equal(9);
      await suite.runs.adjustRun({ runId: "d", adjust: { phase: 0, isPaused: true, requestedBy: "ann@laptop" } });
      endPhase(members.timing, "d", 0);
      expect(await closed).to.equal(undefined);
      expect(states.at(-1)).to.equal(RunState.COMPLETED);
      expect(changes).to.deep.equal([
        "phase profiling: concurrency 9; asked by a client",
        "phase profiling: paused; asked by ann@laptop",
      ]);
    });

    it("are cancelled by a message", async () => {
      holdPhases();
      const { stream, states, closed } = drive(createOf("d"));
      await running(states);
      stream.send({ message: { case: "cancel", value: {} } });
      expect(await closed).to.equal(undefined);
      expect(states.at(-1)).to.equal(RunState.CANCELLED);
    });

    it("go on after a half-close, and still tell their end", async () => {
      holdPhases();
      const { stream, states, closed } = drive(createOf("d", true));
      stream.end();
      await running(states);
      endPhase(members.timing, "d", 0);
      expect(await closed).to.equal(undefined);
      expect(states.at(-1)).to.equal(RunState.COMPLETED);
    });

    it("end with a broken stream where that was wished for", async () => {
      holdPhases();
      const { stream, states } = drive(createOf("d", true));
      await running(states);
      stream.cancel();
      expect((await suite.watch("d").end).state).to.equal(RunState.CANCELLED);
    });

    it("go on after a broken stream otherwise", async () => {
      holdPhases();
      const { stream, states, closed } = drive(createOf("d"));
      await running(states);
      stream.cancel();
      await closed;
      const watch = suite.watch("d");
      await watch.seen(RunState.RUNNING);
      endPhase(members.timing, "d", 0);
      expect((await watch.end).state).to.equal(RunState.COMPLETED);
    });

    it("tell warnings in their first message, once", async () => {
      const spec = specOf({ phases: [{ ...phaseOf("profiling"), stop: { requestCount: 2n } }] });
      const { warnings, closed } = drive({ message: { case: "create", value: { run: { spec } } } });
      await closed;
      expect(warnings).to.deep.equal(["phase profiling: concurrency 4 is above its 2 requests and will not be reached"]);
    });

    it("are not adjusted in a phase that does not run, without a change, or once they have ended", async () => {
      holdPhases();
      const { states } = drive(createOf("d"));
      await running(states);
      const refused = (adjust?: object) => failureOf(suite.runs.adjustRun({ runId: "d", ...(adjust && { adjust }) }));
      const other = await refused({ phase: 1, ratePerSec: 3 });
      expect(other).to.include({ code: "failed_precondition" });
      expect(other.message).to.include("phase 1 of run d does not run: phase 0 (profiling) does");
      expect(await refused({ phase: 0, concurrency: 0 })).to.include({ code: "invalid_argument" });
      expect(await refused()).to.include({ code: "invalid_argument" });
      expect(members.timing.commandsOf("adjustPhase")).to.deep.equal([]);
      endPhase(members.timing, "d", 0);
      expect((await suite.watch("d").end).state).to.equal(RunState.COMPLETED);
      expect(await refused({ phase: 0, ratePerSec: 3 })).to.include({ code: "failed_precondition" });
      expect(await failureOf(suite.runs.adjustRun({ runId: "x", adjust: {} }))).to.include({ code: "not_found" });
    });

    it("are refused without create or attach, and with a second one", async () => {
      holdPhases();
      expect(await drive({ message: { case: "cancel", value: {} } }).closed).to.include({ code: "invalid_argument" });
      expect(await drive({ message: { case: "create", value: {} } }).closed).to.include({ code: "invalid_argument" });
      for (const second of [createOf("e"), attachTo("d")]) {
        const twice = drive(second.message?.case === "create" ? createOf("d") : attachTo("d"));
        await running(twice.states);
        twice.stream.send(second);
        expect(await twice.closed).to.include({ code: "invalid_argument" });
      }
      await suite.runs.cancelRun({ runId: "d", now: true });
    });

    it("are met on their way by another client, who hears all that has happened and changes and stops them", async () => {
      holdPhases();
      const owner = drive(createOf("d"));
      await running(owner.states);
      owner.stream.send(adjustTo({ concurrency: 9 }));
      await until("the change", () => owner.changes.length === 1);
      const guest = drive(attachTo("d", "ann@laptop"));
      await until("the events so far", () => guest.changes.length === 1);
      guest.stream.send(adjustTo({ isPaused: true }));
      await until("both to hear of it", () => owner.changes.length === 2 && guest.changes.length === 2);
      expect(guest.told.handled).to.equal(1);
      guest.stream.send({ message: { case: "cancel", value: { reason: "enough" } } });
      expect([await owner.closed, await guest.closed]).to.deep.equal([undefined, undefined]);
      expect(owner.states.at(-1)).to.equal(RunState.CANCELLED);
      const all = [
        "phase profiling: concurrency 9; asked by a client",
        "phase profiling: paused; asked by ann@laptop",
        "enough; asked by ann@laptop",
      ];
      expect([owner.changes, guest.changes]).to.deep.equal([all, all]);
    });

    it("take changes of several clients one after the other: the last one wins, and each is an event", async () => {
      holdPhases();
      const gate = Promise.withResolvers<void>();
      const play = members.timing.onCommand;
      members.timing.onCommand = async (command, member) => {
        const { action } = command;
        if (action.case === "adjustPhase" && action.value.concurrency === 5) await gate.promise;
        return play(command, member);
      };
      const clients = [drive(createOf("d"))];
      await running(clients[0]!.states);
      clients.push(drive(attachTo("d", "ann")));
      await until("the second client", () => clients[1]!.states.length > 0);
      clients[0]!.stream.send(adjustTo({ concurrency: 5, requestedBy: "bob" }));
      await until("the first change", () => members.timing.commandsOf("adjustPhase").length === 1);
      clients[1]!.stream.send(adjustTo({ concurrency: 7 }));
      gate.resolve();
      await until("both changes", () => clients.every(({ changes }) => changes.length === 2));
      expect(clients[0]!.changes).to.deep.equal([
        "phase profiling: concurrency 5; asked by bob",
        "phase profiling: concurrency 7; asked by ann",
      ]);
      expect((await suite.runs.getRun({ runId: "d" })).run?.phases[0]?.concurrency).to.equal(7);
      endPhase(members.timing, "d", 0);
      await clients[0]!.closed;
    });

    it("tell what they refuse, by its place, and go on", async () => {
      holdPhases();
      const { stream, states, refusals, told, changes, closed } = drive(createOf("d", true));
      await running(states);
      stream.send(adjustTo({ phase: 1, concurrency: 3 }));
      stream.send({ message: { case: "cancel", value: { runId: "e" } } });
      stream.send(adjustTo({ concurrency: 3 }));
      stream.send(adjustTo({ concurrency: 0 }));
      await until("all four", () => told.handled === 4);
      expect(refusals).to.deep.equal([
        "1: 9 phase 1 of run d does not run: phase 0 (profiling) does",
        "2: 3 cancel.run_id: this stream drives run d, got e",
        "4: 3 concurrency: must be at least 1, got 0; to send nothing, pause",
      ]);
      expect(changes).to.deep.equal(["phase profiling: concurrency 3; asked by a client"]);
      endPhase(members.timing, "d", 0);
      expect(await closed).to.equal(undefined);
      expect(states.at(-1)).to.equal(RunState.COMPLETED);
    });

    it("go on when a client that met them is gone", async () => {
      holdPhases();
      const runId = await suite.create(specOf(), "d");
      const guest = drive(attachTo(runId));
      await running(guest.states);
      guest.stream.cancel();
      await guest.closed;
      endPhase(members.timing, runId, 0);
      expect((await suite.watch(runId).end).state).to.equal(RunState.COMPLETED);
    });

    it("are not met when they are unknown or have ended", async () => {
      const runId = await suite.create();
      await suite.watch(runId).end;
      const ended = await drive(attachTo(runId)).closed;
      expect(ended).to.include({ code: "failed_precondition", message: `run ${runId} does not go on in this suite` });
      expect(await drive(attachTo("x")).closed).to.include({ code: "not_found" });
    });
  });

  describe("and their suite", () => {
    it("show members in the order of joining, with usage and counters", async () => {
      const { members: shown, suiteId, version } = await suite.suites.getSuite({});
      expect(shown.map(({ memberId }) => memberId)).to.deep.equal([
        "dataset-1",
        "timing-1",
        "record-processor-1",
        "records-manager-1",
        "worker-0",
      ]);
      expect(shown[0]).to.include({ isConnected: true, host: hostname(), cores: 4 });
      expect(shown[0]?.usage?.loopUtilization).to.equal(0.1);
      expect(shown[0]?.counters).to.deep.equal({ depth: 3n });
      expect([suiteId, version]).to.not.include("");
    });

    it("are watched again and again", async () => {
      const seen: number[] = [];
      for await (const { suite: now } of suite.suites.watchSuite({ intervalMs: 1 })) {
        seen.push(now?.members.length ?? 0);
        if (seen.length === 3) break;
      }
      expect(seen).to.deep.equal([5, 5, 5]);
    });
  });

  it("that wait for their turn are bounded", async () => {
    const small = await TestSuite.start({ maxQueued: 1 });
    try {
      others.push(await FakeMember.join({ address: small.address, services: [ServiceKind.WORKER, ServiceKind.TIMING] }));
      await small.create(specOf(), "runs");
      await small.create(specOf(), "waits");
      expect(await failureOf(small.create(specOf(), "refused"))).to.include({
        code: "resource_exhausted",
        message: "1 runs are waiting already: at most 1 may (--max-queued)",
      });
      expect(await failureOf(small.runs.getRun({ runId: "refused" }))).to.include({ code: "not_found" });
    } finally {
      await small.close();
    }
  });

  it("that are kept are bounded", async () => {
    const small = await TestSuite.start({ maxRuns: 1 });
    try {
      await small.create(specOf(), "kept");
      expect(await failureOf(small.create(specOf(), "refused"))).to.include({
        code: "resource_exhausted",
        message: "1 runs are kept already: at most 1 may be (--max-runs), assay runs delete makes room",
      });
    } finally {
      await small.close();
    }
  });

  it("are sent where the suite allows it, and nowhere else", async () => {
    const narrow = await TestSuite.start({ allowed: allowedTargets(["gpu.example:8000", "10.0.0.0/8"]) });
    const to = (url: string, proxyUrl = "") => narrow.create(specOf({ target: { urls: [{ url }], proxyUrl } }));
    try {
      for (const url of ["http://gpu.example:8000/v1", "http://10.1.2.3"]) await to(url);
      const refused = await failureOf(to("http://169.254.169.254/latest/meta-data"));
      expect([refused.code, refused.message, refused.violations.map(({ field }) => field)]).to.deep.equal([
        "permission_denied",
        "target.urls[0].url: 169.254.169.254:80 is not among the targets of this suite (--allow-targets)",
        ["target.urls[0].url"],
      ]);
      for (const [url, proxy] of [
        ["unix:/run/docker.sock"],
        ["http://gpu.example:8000", "http://127.0.0.1:3128"],
        ["http://other.example", "http://10.0.0.1:3128"],
      ] as const) {
        expect((await failureOf(to(url, proxy))).code, url).to.equal("permission_denied");
      }
    } finally {
      await narrow.close();
    }
  });

  it("that nobody knows are not found", async () => {
    expect(await failureOf(suite.runs.getRun({ runId: "x" }))).to.include({ code: "not_found", message: "there is no run x" });
    expect(await failureOf(gather(suite.runs.watchRun({ runId: "x" })))).to.include({ code: "not_found" });
  });

  it("take the timing of their suite as it plays", async () => {
    members.timing.onCommand = playPhases;
    expect((await suite.watch(await suite.create()).end).state).to.equal(RunState.COMPLETED);
  });
});
