import { expect } from "chai";
import fc from "fast-check";
import { createRunMachine, RUN_BOUNDS, type RunMachine, type RunPlan } from "../../../services/controller/core/run-machine.ts";

const SEC = 1e9;

const PLAN: RunPlan = {
  barriers: [
    { name: "dataset", members: ["dataset"], timeoutNs: 60 * SEC },
    { name: "workers", members: [], count: 2, timeoutNs: 20 * SEC },
    { name: "telemetry", members: ["telemetry"], timeoutNs: 5 * SEC },
  ],
  phases: [
    { name: "warmup", durationNs: undefined, graceNs: Number.POSITIVE_INFINITY, isMeasured: false },
    { name: "profiling", durationNs: 10 * SEC, graceNs: 3 * SEC, isMeasured: true },
  ],
  processingTimeoutNs: 60 * SEC,
  bounds: RUN_BOUNDS,
};

function opened(plan: RunPlan = PLAN) {
  const log: string[] = [];
  const machine = createRunMachine<string, string>(plan, {
    command: (command) => {
      const { kind, ...rest } = command;
      log.push([kind, ...Object.values(rest)].join(" ").trim());
    },
    stateChanged: (state, phase) => void log.push(`= ${state}${phase === undefined ? "" : ` ${phase}`}`),
    noted: (message) => void log.push(`note ${message}`),
  });
  machine.start(0);
  return { machine, log };
}

function configured(machine: RunMachine<string, string>, now = SEC): void {
  machine.ready("dataset", "dataset", now);
  machine.ready("workers", "W1", now);
  machine.ready("workers", "W2", now);
  machine.ready("telemetry", "telemetry", now);
}

function running(phase: 0 | 1 = 0) {
  const { machine, log } = opened();
  configured(machine);
  if (phase === 1) {
    machine.sendingComplete(0, 2 * SEC);
    machine.returningComplete(0, "account-0", 2 * SEC);
  }
  log.length = 0;
  return { machine, log };
}

describe("a run", () => {
  it("goes from configuring to completed: all barriers at once, phases in order, records closed, results made", () => {
    const { machine, log } = opened();
    configured(machine);
    machine.sendingComplete(0, 2 * SEC);
    machine.returningComplete(0, "account-0", 3 * SEC);
    machine.phaseClosed(0, undefined, 4 * SEC);
    machine.sendingComplete(1, 14 * SEC);
    machine.returningComplete(1, "account-1", 15 * SEC);
    machine.phaseClosed(1, undefined, 15 * SEC);
    machine.processed(16 * SEC);
    expect(log).to.deep.equal([
      "= configuring",
      "prepare dataset",
      "prepare workers",
      "prepare telemetry",
      "= ready",
      "= running 0",
      "start_phase 0",
      "hand_over_account 0 account-0",
      "= running 1",
      "start_phase 1",
      "= draining 1",
      "hand_over_account 1 account-1",
      "= processing",
      "process",
      "= completed",
      "finish completed",
    ]);
    expect(machine.nextWakeNs()).to.equal(Number.POSITIVE_INFINITY);
  });

  it("issues nothing before every barrier is open", () => {
    const { machine, log } = opened();
    machine.ready("dataset", "dataset", SEC);
    machine.ready("workers", "W1", SEC);
    machine.ready("workers", "W1", SEC);
    machine.ready("telemetry", "telemetry", SEC);
    expect(machine.state).to.equal("configuring");
    machine.ready("workers", "W2", SEC);
    expect(log).to.include("start_phase 0");
  });

  it("that waits in vain says for whom", () => {
    const { machine, log } = opened();
    machine.ready("workers", "W1", SEC);
    machine.ready("telemetry", "telemetry", SEC);
    expect(machine.nextWakeNs()).to.equal(20 * SEC);
    machine.advance(20 * SEC);
    expect(log.at(-1)).to.equal("finish failed workers not ready in time: 1 of 2 said so");
    const other = opened();
    other.machine.unready("dataset", "dataset", "no such file: x.jsonl", SEC);
    expect(other.log.at(-1)).to.equal("finish failed dataset not ready: no such file: x.jsonl");
    const third = opened();
    third.machine.unready("workers", "W1", "no such file: x.jsonl", SEC);
    expect(third.log.at(-1)).to.equal("finish failed workers not ready: W1: no such file: x.jsonl");
  });

  it("goes on without telemetry, with a note", () => {
    const { machine, log } = opened();
    machine.ready("dataset", "dataset", SEC);
    machine.ready("workers", "W1", SEC);
    machine.ready("workers", "W2", SEC);
    machine.advance(5 * SEC);
    expect(log).to.include("note telemetry not ready in time: missing telemetry");
    expect(machine.state).to.equal("running");
  });

  it("that is cancelled once stops, drains and makes its results; no further phase begins", () => {
    const { machine, log } = running();
    machine.cancel(2 * SEC);
    machine.sendingComplete(0, 3 * SEC);
    machine.returningComplete(0, "account-0", 4 * SEC);
    machine.phaseClosed(0, undefined, 5 * SEC);
    machine.processed(6 * SEC);
    expect(log).to.deep.equal([
      "stop_phase 0 cancelled by the user",
      "= draining 0",
      "hand_over_account 0 account-0",
      "= processing",
      "process",
      "= cancelled",
      "finish cancelled cancelled by the user",
    ]);
  });

  it("that is cancelled twice, or before its first phase, is over at once", () => {
    const { machine, log } = running();
    machine.cancel(2 * SEC);
    machine.cancel(2.1 * SEC);
    expect(log.at(-1)).to.equal("finish cancelled cancelled by the user");
    const early = opened();
    early.machine.cancel(SEC);
    expect(early.log.slice(-2)).to.deep.equal(["= cancelled", "finish cancelled cancelled by the user"]);
    configured(early.machine);
    expect(early.machine.state).to.equal("cancelled");
  });

  for (const [what, happen] of [
    ["is cancelled", (machine: RunMachine<string, string>) => machine.cancel(6 * SEC)],
    ["loses its timing", (machine: RunMachine<string, string>) => machine.timingDied("it fell", 6 * SEC)],
    ["loses its workers", (machine: RunMachine<string, string>) => machine.workersExhausted("they fell", 6 * SEC)],
  ] as const) {
    it(`that ${what} while its results are made ends as they say`, () => {
      const { machine, log } = running(1);
      machine.phaseClosed(0, undefined, 3 * SEC);
      machine.returningComplete(1, "account-1", 4 * SEC);
      machine.phaseClosed(1, undefined, 5 * SEC);
      expect([machine.state, machine.outcome.state]).to.deep.equal(["processing", "completed"]);
      happen(machine);
      expect(machine.outcome.state).to.equal("completed");
      machine.processed(7 * SEC);
      expect(log.at(-1)).to.equal("finish completed");
    });
  }

  it("that is cancelled twice while its results are made is over at once, as they say", () => {
    const { machine, log } = running(1);
    machine.phaseClosed(0, undefined, 3 * SEC);
    machine.returningComplete(1, "account-1", 4 * SEC);
    machine.phaseClosed(1, undefined, 5 * SEC);
    machine.cancel(6 * SEC);
    machine.cancel(6 * SEC);
    expect(log.at(-1)).to.equal("finish completed");
    expect(machine.state).to.equal("completed");
  });

  it("that failed and is cancelled twice is over at once, as failed", () => {
    const { machine, log } = running();
    machine.timingDied("it fell", 2 * SEC);
    machine.cancel(3 * SEC);
    machine.cancel(3 * SEC);
    expect(log.at(-1)).to.equal("finish failed timing is gone: it fell");
  });

  for (const [what, at, messages] of [
    ["sending", (10 + 7 + 10 + 2) * SEC, "timing is gone: silent about sending complete of phase profiling"],
    ["returning", (14 + 3 + 7 + 10) * SEC, "timing is gone: silent about returning complete of phase profiling"],
  ] as const) {
    it(`fails when timing is silent about ${what}, closes what is open from the rows, and still makes its results`, () => {
      const { machine, log } = running(1);
      machine.phaseClosed(0, undefined, 3 * SEC);
      machine.timingHeartbeat(1, "heartbeat-1");
      if (what === "returning") machine.sendingComplete(1, 14 * SEC);
      machine.advance(at - 1);
      expect(log.some((line) => line.startsWith("close_from_rows"))).to.equal(false);
      expect(machine.nextWakeNs()).to.equal(at);
      machine.advance(at);
      expect(machine.nextWakeNs()).to.equal(at + RUN_BOUNDS.leaseOverNs);
      machine.advance(at + RUN_BOUNDS.leaseOverNs);
      machine.phaseClosed(1, undefined, at + 7 * SEC);
      machine.processed(at + 8 * SEC);
      expect(log.slice(-5)).to.deep.equal([
        "close_from_rows 1 heartbeat-1",
        "= processing",
        "process",
        "= failed",
        `finish failed ${messages}`,
      ]);
    });
  }

  it("whose timing died waits no longer for its workers than they have something, and for nothing of theirs otherwise", () => {
    const { machine, log } = running(1);
    machine.phaseClosed(0, undefined, 3 * SEC);
    machine.workersAtRest(4 * SEC);
    expect([machine.state, machine.awaitsWorkers]).to.deep.equal(["running", false]);
    machine.timingDied("it fell", 5 * SEC);
    expect(machine.awaitsWorkers).to.equal(true);
    machine.workersAtRest(6 * SEC);
    machine.workersAtRest(6.5 * SEC);
    expect(log.filter((line) => line.startsWith("close_from_rows"))).to.have.length(1);
    expect(machine.awaitsWorkers).to.equal(false);
    machine.phaseClosed(1, undefined, 7 * SEC);
    machine.processed(8 * SEC);
    expect(log.at(-1)).to.equal("finish failed timing is gone: it fell");
  });

  it("has no bound on the sending of a phase that ends by a count alone, until it is stopped", () => {
    const { machine } = running();
    expect(machine.nextWakeNs()).to.equal(Number.POSITIVE_INFINITY);
    machine.cancel(100 * SEC);
    expect(machine.nextWakeNs()).to.equal(117 * SEC);
  });

  it("that is stopped while requests are in flight waits for them no longer than a person would", () => {
    const { machine, log } = running();
    machine.sendingComplete(0, 2 * SEC);
    expect(machine.nextWakeNs()).to.equal(Number.POSITIVE_INFINITY);
    machine.cancel(100 * SEC);
    expect(machine.nextWakeNs()).to.equal((100 + 30 + 7 + 10) * SEC);
    machine.advance(147 * SEC);
    machine.advance(machine.nextWakeNs());
    expect(log).to.include("close_from_rows 0");
  });

  it("waits for what is sent before its duration is over until the grace after that, unless it is stopped", () => {
    for (const [isCancelled, deadlineSec] of [
      [false, 2 + 10 + 3 + 7 + 10],
      [true, 5 + 3 + 7 + 10],
    ] as const) {
      const { machine } = running(1);
      machine.sendingComplete(1, 4 * SEC);
      if (isCancelled) machine.cancel(5 * SEC);
      expect(machine.nextWakeNs()).to.equal(deadlineSec * SEC);
    }
  });

  it("fails when the records manager is silent about a phase", () => {
    const { machine, log } = running(1);
    expect(machine.nextWakeNs()).to.equal((2 + 10 + 7 + 10) * SEC);
    machine.sendingComplete(1, 12 * SEC);
    machine.returningComplete(1, "account-1", 12 * SEC);
    machine.advance(42 * SEC);
    expect(log.at(-1)).to.equal("finish failed records-manager is gone: silent about phase warmup");
  });

  it("without a worker left stops, keeps what is there, and fails", () => {
    const { machine, log } = running();
    machine.workersExhausted("host-1: restarted 3 times", 2 * SEC);
    machine.returningComplete(0, "account-0", 9 * SEC);
    machine.phaseClosed(0, undefined, 12 * SEC);
    machine.processed(13 * SEC);
    expect(log.at(-1)).to.equal("finish failed no worker left: host-1: restarted 3 times");
  });

  it("fails when its results cannot be made, or not in time", () => {
    const plan = { ...PLAN, phases: [], barriers: [] };
    const { machine, log } = opened(plan);
    machine.processingFailed("disk full: /runs/7", SEC);
    expect(log.at(-1)).to.equal("finish failed processing: disk full: /runs/7");
    const slow = opened(plan);
    slow.machine.advance(slow.machine.nextWakeNs());
    expect(slow.machine.state).to.equal("failed");
  });

  for (const [what, warmup, measured, end] of [
    ["succeeds by one success", [0, 9, 0], [1, 9, 0], "finish completed"],
    ["fails when every measured request failed", [9, 0, 0], [0, 10, 0], "finish failed all 10 requests failed"],
    [
      "fails when no measured request succeeded",
      [9, 0, 0],
      [0, 4, 6],
      "finish failed no request succeeded: 4 failed, 6 were cancelled",
    ],
    ["fails when nothing was sent", [9, 0, 0], [0, 0, 0], "finish failed no request was sent"],
  ] as const) {
    it(`${what}, and makes its results all the same`, () => {
      const { machine, log } = running(1);
      const resultOf = ([succeeded, errored, cancelled]: readonly number[]) =>
        ({ succeeded, errored, cancelled }) as { succeeded: number; errored: number; cancelled: number };
      machine.phaseClosed(0, resultOf(warmup), 3 * SEC);
      machine.returningComplete(1, "account-1", 12 * SEC);
      machine.phaseClosed(1, resultOf(measured), 13 * SEC);
      expect(log.at(-1)).to.equal("process");
      const isFailed = end.startsWith("finish failed");
      expect(machine.outcome).to.deep.equal({
        state: isFailed ? "failed" : "completed",
        reason: isFailed ? end.slice("finish failed ".length) : "",
      });
      machine.processed(14 * SEC);
      expect(log.at(-1)).to.equal(end);
    });
  }

  it("of warm-up alone is judged by that", () => {
    const { machine, log } = opened({ ...PLAN, barriers: [], phases: PLAN.phases.slice(0, 1) });
    machine.returningComplete(0, "account-0", SEC);
    machine.phaseClosed(0, { succeeded: 0, errored: 3, cancelled: 0 }, SEC);
    machine.processed(SEC);
    expect(log.at(-1)).to.equal("finish failed all 3 requests failed");
  });

  it("of which every request is given up on purpose has not failed, unless one failed by itself", () => {
    for (const [errored, end] of [
      [0, "finish completed"],
      [1, "finish failed no request succeeded: 1 failed, 5 were cancelled"],
    ] as const) {
      const phases = PLAN.phases.map((phase) => ({ ...phase, cancelsOnPurpose: true })).slice(1);
      const { machine, log } = opened({ ...PLAN, barriers: [], phases });
      machine.returningComplete(0, "account-0", SEC);
      machine.phaseClosed(0, { succeeded: 0, errored, cancelled: 5 }, SEC);
      machine.processed(SEC);
      expect(log.at(-1)).to.equal(end);
    }
  });

  it("begins the next phase when a seamless one is sent, once, and waits for both", () => {
    const phases = PLAN.phases.map((phase) => ({ ...phase, isSeamless: true }));
    const { machine, log } = opened({ ...PLAN, barriers: [], phases });
    log.length = 0;
    machine.sendingComplete(0, 2 * SEC);
    machine.sendingComplete(1, 3 * SEC);
    machine.returningComplete(1, "account-1", 4 * SEC);
    machine.phaseClosed(1, undefined, 4 * SEC);
    machine.returningComplete(0, "account-0", 5 * SEC);
    machine.phaseClosed(0, undefined, 5 * SEC);
    expect(log).to.deep.equal([
      "= running 1",
      "start_phase 1",
      "= draining 1",
      "hand_over_account 1 account-1",
      "hand_over_account 0 account-0",
      "= processing",
      "process",
    ]);
  });

  it("that is cancelled while a seamless phase comes back stops both, each with its own grace", () => {
    const phases = PLAN.phases.map((phase) => ({ ...phase, isSeamless: true }));
    const { machine, log } = opened({ ...PLAN, barriers: [], phases });
    machine.sendingComplete(0, 2 * SEC);
    log.length = 0;
    machine.cancel(3 * SEC);
    expect(log.slice(0, 2)).to.deep.equal(["stop_phase 0 cancelled by the user", "stop_phase 1 cancelled by the user"]);
  });

  it("that ends early stops what runs, begins no further phase, and completes with what there is", () => {
    const { machine, log } = running();
    machine.endEarly("failed_request_share", 2 * SEC);
    machine.endEarly("failed_request_share", 2 * SEC);
    machine.sendingComplete(0, 2 * SEC);
    machine.returningComplete(0, "account-0", 3 * SEC);
    machine.phaseClosed(0, { succeeded: 3, errored: 9, cancelled: 0 }, 3 * SEC);
    machine.processed(4 * SEC);
    expect(log).to.deep.equal([
      "stop_phase 0 failed_request_share",
      "= draining 0",
      "hand_over_account 0 account-0",
      "= processing",
      "process",
      "= completed",
      "finish completed",
    ]);
  });

  it("that ends early and has not one answer has failed all the same", () => {
    const { machine, log } = running(1);
    machine.phaseClosed(0, { succeeded: 9, errored: 0, cancelled: 0 }, 3 * SEC);
    machine.endEarly("failed_request_share", 3 * SEC);
    machine.returningComplete(1, "account-1", 4 * SEC);
    machine.phaseClosed(1, { succeeded: 0, errored: 12, cancelled: 0 }, 4 * SEC);
    machine.processed(5 * SEC);
    expect(log.at(-1)).to.equal("finish failed all 12 requests failed");
  });

  it("that a person cancelled is cancelled, though nothing succeeded", () => {
    const { machine, log } = running(1);
    machine.phaseClosed(0, { succeeded: 9, errored: 0, cancelled: 0 }, 3 * SEC);
    machine.cancel(3 * SEC);
    machine.returningComplete(1, "account-1", 12 * SEC);
    machine.phaseClosed(1, { succeeded: 0, errored: 3, cancelled: 7 }, 13 * SEC);
    machine.processed(14 * SEC);
    expect(log.at(-1)).to.equal("finish cancelled cancelled by the user");
  });

  it("ends exactly once, and always ends, whatever comes in whatever order", () => {
    const inputs = fc.array(fc.tuple(fc.nat(14), fc.nat(1), fc.nat(40)), { maxLength: 60 });
    fc.assert(
      fc.property(inputs, (steps) => {
        const { machine, log } = opened();
        let now = 0;
        const act = (input: number, phase: number) => {
          if (input === 0) configured(machine, now);
          if (input === 1) machine.sendingComplete(phase, now);
          if (input === 2) machine.returningComplete(phase, "account", now);
          if (input === 3) machine.phaseClosed(phase, undefined, now);
          if (input === 4) machine.processed(now);
          if (input === 5) machine.processingFailed("x", now);
          if (input === 6) machine.timingDied("x", now);
          if (input === 7) machine.recordsManagerDied("x", now);
          if (input === 8) machine.workersExhausted("x", now);
          if (input === 9) machine.cancel(now);
          if (input === 10) machine.unready("telemetry", "telemetry", "x", now);
          if (input === 11) machine.endEarly("x", now);
          if (input === 12) machine.workersAtRest(now);
          if (input > 12) machine.advance(now);
        };
        for (const [input, phase, seconds] of steps) {
          now += seconds * SEC;
          act(input, phase);
        }
        machine.cancel(now);
        for (let i = 0; i < 10 && machine.nextWakeNs() < Number.POSITIVE_INFINITY; i++) {
          now = Math.max(now, machine.nextWakeNs());
          machine.advance(now);
        }
        expect(["completed", "failed", "cancelled"]).to.include(machine.state);
        expect(log.filter((line) => line.startsWith("finish"))).to.have.length(1);
        expect(log.at(-1)).to.match(/^finish /);
      }),
    );
  });
});
