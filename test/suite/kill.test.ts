import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { expect } from "chai";
import type { Mock } from "../../mock/server.ts";
import { type Command, endsWithinMs, expectReconciled, rowsIn, runFile, type Stage, useStages } from "../support/suite.ts";

/** Restarts of a worker before its place is given up. */
const maxRestarts = 3;

describe("a run whose process is killed", function () {
  this.timeout(4 * endsWithinMs);
  const test = useStages();

  test("goes on after the death of a worker, with another in its place, and counts what was lost with it", async (stage) => {
    const mock = await stage.mock();
    const command = await runUnderWay(stage, mock);
    const [victim = 0, survivor] = command.pids("worker");
    command.signal("SIGKILL", victim);
    await command.until("a worker in its place", () => command.pids("worker").filter((pid) => pid !== victim).length === 2);
    expect(command.pids("worker")).to.include(survivor);
    const { code, stderr } = await command.exit();
    expect(code, stderr).to.equal(0);
    expect(stderr).to.match(/worker-\w+ ended by SIGKILL; worker-\w+ takes its place/);
    const file = runFile(outOf(stage));
    expect(file.state).to.equal("COMPLETED");
    const [phase] = file.phases;
    expect(phase?.missing_lost).to.be.at.least(1);
    // What is lost may have been sent, and is never drawn again.
    expect(file.rows + (phase?.missing_lost ?? 0) + (phase?.missing_record ?? 0)).to.equal(300);
    expect(file.verdict).to.be.oneOf(["suspect", "invalid"]);
    // The dead worker's four connections were closed by then, but the server may see that after the requests that take their places.
    expect(mock.stats().maxOpenStreams).to.be.at.most(8 + 4);
    expectReconciled(file, mock.stats());
  });

  const turns = ["--conversation-turn-mean", "3", "--conversation-turn-delay-mean", "20"];
  const rate = ["--request-rate", "60", "--request-count", "240"];
  const loads: readonly (readonly [string, readonly string[]])[] = [
    ["a closed loop of sessions", ["--concurrency", "8", "--request-count", "300", ...turns]],
    ["a closed loop of requests", ["--concurrency", "8", "--concurrency-unit", "request", "--request-count", "300", ...turns]],
    ["a closed loop with prefill slots", ["--concurrency", "8", "--prefill-concurrency", "2", "--request-count", "300"]],
    ["a rate", rate],
    ["a rate below a ceiling that queues", [...rate, "--concurrency", "8"]],
    ["a rate below a ceiling that drops", [...rate, "--concurrency", "8", "--overload", "drop"]],
    ["a rate of sessions", [...rate, ...turns]],
    ["users with pauses", ["--user-centric-rate", "60", "--num-users", "12", "--request-count", "240", ...turns.slice(0, 2)]],
    ["a fixed schedule", ["--fixed-schedule", "--input-file", "trace.jsonl"]],
  ];
  const traced = Array.from({ length: 240 }, (_, row) => JSON.stringify({ text: `row ${row}`, timestamp: row * 15 }));
  for (const [name, load] of loads) {
    test(`accounts for every request of ${name} after the death of a worker`, async (stage) => {
      const mock = await stage.mock();
      writeFileSync(join(stage.folder, "trace.jsonl"), traced.join("\n"));
      const own = ["-m", "mock", "-u", mock.url, "--streaming", "--workers-max", "2", "--osl", "32"];
      const kept = ["--random-seed", "7", "--no-gpu-telemetry", "--artifact-dir", "out", "--quiet"];
      const command = stage.start(["run", ...own, ...kept, ...load]);
      await command.until("rows of a run under way", () => mock.stats().requests >= 30 && rowsIn(outOf(stage)) >= 10);
      const [victim = 0] = command.pids("worker");
      command.signal("SIGKILL", victim);
      const { code, stderr } = await command.exit();
      expect(code, stderr).to.equal(0);
      const file = runFile(outOf(stage));
      expectReconciled(file, mock.stats());
      const [phase] = file.phases;
      if (phase === undefined) throw new Error("the file has no phase");
      expect(phase).to.include({ closed: 1, is_account_complete: 1 });
      // A request that was asked for is sent, lost or dropped; what came back unused was drawn again under another id.
      const asked = load.includes("--request-count") ? Number(load[load.indexOf("--request-count") + 1]) : traced.length;
      expect(phase.drawn - phase.unused, "requests sent, lost or dropped").to.equal(asked);
      expect(mock.stats().requests, "at the server never more than were asked for").to.be.at.most(asked);
    });
  }

  test("fails when every worker has died too often, and says so", async (stage) => {
    const mock = await stage.mock();
    const command = await runUnderWay(stage, mock, "--request-count", "100000");
    const killed = new Set<number>();
    await command.until("the last worker's death", () => {
      const alive = command.pids("worker").filter((pid) => !killed.has(pid));
      for (const pid of alive) killed.add(pid);
      command.signal("SIGKILL", ...alive);
      return killed.size === 2 * (1 + maxRestarts);
    });
    const { code, stderr } = await command.exit();
    expect(code, stderr).to.equal(1);
    expect(stderr).to.match(/the run failed: no worker left: worker-\w+ ended by SIGKILL/);
    const file = runFile(outOf(stage));
    expect(file.state).to.equal("FAILED");
    expectReconciled(file, mock.stats());
  });

  test("fails with its timing process, and keeps every row", async (stage) => {
    const mock = await stage.mock();
    const command = await runUnderWay(stage, mock);
    command.signal("SIGKILL", command.pidOf("timing"));
    const { code, stderr } = await command.exit();
    expect(code, stderr).to.equal(1);
    expect(stderr).to.match(/the process of timing ended unexpectedly: SIGKILL/);
    expect(stderr).to.match(/the run failed: timing is gone/);
    const file = runFile(outOf(stage));
    expect(file.state).to.equal("FAILED");
    expect(file.phases[0]).to.include({ closed: 1, is_account_complete: 0 });
    expect(file.rows).to.be.at.least(20);
    expect(file.reasons.join()).to.match(/no complete account/);
    expectReconciled(file, mock.stats());
  });

  test("goes on after the death of the records process, with nothing lost", async (stage) => {
    const mock = await stage.mock();
    const command = await runUnderWay(stage, mock);
    command.signal("SIGKILL", command.pidOf("records"));
    const { code, stderr } = await command.exit();
    expect(code, stderr).to.equal(0);
    expect(stderr).to.match(
      /the process of records-manager,record-processor ended unexpectedly: SIGKILL; another one takes its place/,
    );
    const file = runFile(outOf(stage));
    expect(file).to.deep.include({ state: "COMPLETED", rows: 300, late: 0, errors: { "": 300 } });
    expect(mock.stats().requests).to.equal(300);
    expectReconciled(file, mock.stats());
  });

  test("fails when the records process dies again, and its file can be recovered", async (stage) => {
    const mock = await stage.mock();
    const command = await runUnderWay(stage, mock, "--request-count", "100000");
    const first = command.pidOf("records");
    command.signal("SIGKILL", first);
    const isThere = (pid: number): boolean => pid !== first;
    await command.until("another records process", () => command.pids("records").some(isThere));
    command.signal("SIGKILL", ...command.pids("records").filter(isThere));
    const { code, stderr } = await command.exit();
    expect(code, stderr).to.equal(1);
    expect(stderr).to.match(/the run failed: .*records-manager is gone/);
    await expectRecoverable(stage, mock);
  });

  test("is lost with the process of its controller, and its file can be recovered", async (stage) => {
    const mock = await stage.mock();
    const command = await runUnderWay(stage, mock);
    command.signal("SIGKILL", command.pidOf("suite"));
    const { code, stderr } = await command.exit();
    expect(code, stderr).to.equal(1);
    expect(stderr).to.match(/the process of controller,.* ended unexpectedly: SIGKILL/);
    expect(stderr).to.contain(`the run is lost with its controller; what was recorded is in ${outOf(stage)}`);
    await expectRecoverable(stage, mock);
  });

  test("ends with the command itself, and its file can be recovered", async (stage) => {
    const mock = await stage.mock();
    const command = await runUnderWay(stage, mock);
    command.signal("SIGKILL", command.pid);
    expect((await command.exit()).signal).to.equal("SIGKILL");
    await command.gone();
    const { requests } = mock.stats();
    await expectRecoverable(stage, mock);
    expect(mock.stats().requests, "requests of processes that are gone").to.equal(requests);
  });

  const moments: readonly (readonly [string, (stage: Stage, mock: Mock) => boolean, number])[] = [
    ["before the first request", (stage) => isBegun(outOf(stage)), 0],
    ["among the first requests", (_, mock) => mock.stats().requests >= 1, 0],
    ["in the warm-up", (stage) => rowsIn(outOf(stage)) >= 5, 5],
    ["in the middle", (stage) => rowsIn(outOf(stage)) >= 150, 150],
    ["when the last rows are there, or the files are written", (stage) => rowsIn(outOf(stage)) >= 240, 240],
  ];
  for (const [when, isReached, rows] of moments) {
    test(`is finished from what was committed where all processes are killed at once ${when}`, async (stage) => {
      const mock = await stage.mock();
      const command = stage.run(mock, "--warmup-request-count", "40", "--request-count", "200");
      await command.until(when, () => isReached(stage, mock));
      command.signal("SIGKILL", ...command.processes().map(({ pid }) => pid));
      await command.exit();
      await command.gone();
      const { code, stdout, stderr } = await stage.start(["runs", "recover", rows === 150 ? "latest" : "out"]).exit();
      expect(code, stderr).to.equal(0);
      expect(stdout).to.match(
        /^(recovered|whole already): run \S+, (FAILED|COMPLETED); warmup: \d+ succeeded.*; profiling: \d+ succeeded/,
      );
      const file = runFile(outOf(stage));
      expect(file.rows).to.be.at.least(rows);
      expectReconciled(file, mock.stats());
      expectToldInFiles(outOf(stage), file.state);
    });
  }

  test("ends with the command itself when that dies before the first request", async (stage) => {
    const mock = await stage.mock();
    const command = stage.run(mock);
    await command.until("a worker", () => command.pids("worker").length > 0);
    command.signal("SIGKILL", command.pid);
    expect((await command.exit()).signal).to.equal("SIGKILL");
  });
});

function outOf({ folder }: Stage): string {
  return join(folder, "out");
}

/** A run that has sent and committed some of its requests, with most of its 300 still to come. */
async function runUnderWay(stage: Stage, mock: Mock, ...args: readonly string[]): Promise<Command> {
  const command = stage.run(mock, "--request-count", "300", ...args);
  await command.until("rows of a run under way", () => mock.stats().requests >= 60 && rowsIn(outOf(stage)) >= 20);
  return command;
}

/** The run's file has its header. */
function isBegun(folder: string): boolean {
  try {
    const db = new Database(join(folder, "run.db"), { readonly: true });
    try {
      return db.prepare("SELECT 1 FROM run").get() !== undefined;
    } finally {
      db.close();
    }
  } catch {
    return false;
  }
}

/** Files of a run that did not end by itself say so. */
function expectToldInFiles(folder: string, state: string): void {
  const {
    is_complete: isComplete,
    incomplete_reason: why,
    assay,
  } = JSON.parse(readFileSync(join(folder, "profile_export_aiperf.json"), "utf8"));
  const [first] = readFileSync(join(folder, "profile_export_console.txt"), "utf8").split("\n");
  expect(assay.state).to.equal(state);
  expect(isComplete).to.equal(state === "COMPLETED");
  if (state === "COMPLETED") return;
  expect(why).to.equal("its processes were killed");
  expect(first).to.equal("The run failed: its processes were killed. What follows is of what was recorded.");
}

/** Nobody has closed the run's accounts: `assay runs recover` does. */
async function expectRecoverable(stage: Stage, mock: Mock): Promise<void> {
  const { code, stdout, stderr } = await stage.start(["runs", "recover", outOf(stage)]).exit();
  expect(code, stderr).to.equal(0);
  expect(stdout).to.match(/^recovered: run \S+, FAILED; profiling: \d+ succeeded/);
  const file = runFile(outOf(stage));
  expect(file.state).to.equal("FAILED");
  expect(file.rows).to.be.at.least(20);
  expectReconciled(file, mock.stats());
  expectToldInFiles(outOf(stage), "FAILED");
}
