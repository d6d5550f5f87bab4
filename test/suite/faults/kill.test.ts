import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { expect } from "chai";
import { expectAccounted } from "../../support/accounted.ts";
import type { LoggedTarget } from "../../support/logged-target.ts";
import { type Command, endsWithinMs, rowsIn, type Stage, useStages } from "../../support/suite.ts";

/** Restarts of a worker before its place is given up. */
const maxRestarts = 3;

describe("a process of `assay run` that is killed", function () {
  this.timeout(4 * endsWithinMs);
  const test = useStages();

  test("a worker is killed: another one takes its place, and the run completes (accounts: complete; what it held is lost)", async (stage) => {
    const target = await stage.target();
    const command = await runUnderWay(stage, target);
    const [victim = 0, survivor] = command.pids("worker");
    command.signal("SIGKILL", victim);
    await command.until("a worker in its place", () => command.pids("worker").filter((pid) => pid !== victim).length === 2);
    expect(command.pids("worker")).to.include(survivor);
    const { code, stderr } = await command.exit();
    expect(code, stderr).to.equal(0);
    expect(stderr).to.match(/worker-\w+ ended by SIGKILL; worker-\w+ takes its place/);
    const file = expectAccounted(outOf(stage), target, 300);
    expect(file.state).to.equal("COMPLETED");
    const [phase] = file.phases;
    expect(phase?.missing_lost).to.be.at.least(1);
    // What is lost may have been sent, and is never drawn again.
    expect(file.rows + (phase?.missing_lost ?? 0) + (phase?.missing_record ?? 0)).to.equal(300);
    expect(file.verdict).to.be.oneOf(["suspect", "invalid"]);
    // The dead worker's four connections were closed by then, but the server may see that after the requests that take their places.
    expect(target.stats().maxOpenStreams).to.be.at.most(8 + 4);
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
    test(`a worker is killed in ${name}: every request is sent, lost or dropped, none twice (accounts: complete; what it held is lost)`, async (stage) => {
      const target = await stage.target();
      writeFileSync(join(stage.folder, "trace.jsonl"), traced.join("\n"));
      const own = ["-m", "mock", "-u", target.url, "--streaming", "--workers-max", "2", "--osl", "32"];
      const kept = ["--random-seed", "7", "--no-gpu-telemetry", "--artifact-dir", "out", "--quiet"];
      const command = stage.start(["run", ...own, ...kept, ...load]);
      await command.until("rows of a run under way", () => target.stats().requests >= 30 && rowsIn(outOf(stage)) >= 10);
      const [victim = 0] = command.pids("worker");
      command.signal("SIGKILL", victim);
      const { code, stderr } = await command.exit();
      expect(code, stderr).to.equal(0);
      const file = expectAccounted(outOf(stage), target);
      const [phase] = file.phases;
      if (phase === undefined) throw new Error("the file has no phase");
      expect(phase).to.include({ closed: 1, is_account_complete: 1 });
      // A request that was asked for is sent, lost or dropped; what came back unused was drawn again under another id.
      const asked = load.includes("--request-count") ? Number(load[load.indexOf("--request-count") + 1]) : traced.length;
      expect(phase.drawn - phase.unused, "requests sent, lost or dropped").to.equal(asked);
      expect(target.stats().requests, "at the server never more than were asked for").to.be.at.most(asked);
    });
  }

  test("every worker is killed until none is started again: the run fails and says so (accounts: complete)", async (stage) => {
    const target = await stage.target();
    const command = await runUnderWay(stage, target, "--request-count", "100000");
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
    const file = expectAccounted(outOf(stage), target);
    expect(file.state).to.equal("FAILED");
  });

  test("timing is killed: the run fails with everything committed so far (accounts: from the rows and timing's last heartbeat; no equality is claimed)", async (stage) => {
    const target = await stage.target();
    const command = await runUnderWay(stage, target);
    command.signal("SIGKILL", command.pidOf("timing"));
    const { code, stderr } = await command.exit();
    expect(code, stderr).to.equal(1);
    expect(stderr).to.match(/the process of timing ended unexpectedly: SIGKILL/);
    expect(stderr).to.match(/the run failed: timing is gone/);
    const file = expectAccounted(outOf(stage), target);
    expect(file.state).to.equal("FAILED");
    expect(file.phases[0]).to.include({ closed: 1, is_account_complete: 0 });
    expect(file.rows).to.be.at.least(20);
    expect(file.reasons.join()).to.match(/no complete account/);
  });

  test("the process of records-manager and record-processor is killed: another one takes its place, and what was not committed is sent again (accounts: complete; nothing is missing)", async (stage) => {
    const target = await stage.target();
    const command = await runUnderWay(stage, target);
    command.signal("SIGKILL", command.pidOf("records"));
    const { code, stderr } = await command.exit();
    expect(code, stderr).to.equal(0);
    expect(stderr).to.match(
      /the process of records-manager,record-processor ended unexpectedly: SIGKILL; another one takes its place/,
    );
    const file = expectAccounted(outOf(stage), target);
    expect(file).to.deep.include({ state: "COMPLETED", rows: 300, late: 0, errors: { "": 300 } });
    expect(target.stats().requests).to.equal(300);
  });

  test("that process is killed again: the run fails (accounts: by `assay runs recover`, from the rows)", async (stage) => {
    const target = await stage.target();
    const command = await runUnderWay(stage, target, "--request-count", "100000");
    const first = command.pidOf("records");
    command.signal("SIGKILL", first);
    const isThere = (pid: number): boolean => pid !== first;
    await command.until("another records process", () => command.pids("records").some(isThere));
    command.signal("SIGKILL", ...command.pids("records").filter(isThere));
    const { code, stderr } = await command.exit();
    expect(code, stderr).to.equal(1);
    expect(stderr).to.match(/the run failed: .*records-manager is gone/);
    await expectRecoverable(stage, target);
  });

  test("the controller of `assay run` is killed: the command says that the run is lost, and where its rows are (accounts: by `assay runs recover`, from the rows)", async (stage) => {
    const target = await stage.target();
    const command = await runUnderWay(stage, target);
    command.signal("SIGKILL", command.pidOf("suite"));
    const { code, stderr } = await command.exit();
    expect(code, stderr).to.equal(1);
    expect(stderr).to.match(/the process of controller,.* ended unexpectedly: SIGKILL/);
    expect(stderr).to.contain(`the run is lost with its controller; what was recorded is in ${outOf(stage)}`);
    await expectRecoverable(stage, target);
  });

  test("the command itself is killed: all of its processes end (accounts: by `assay runs recover`, from the rows)", async (stage) => {
    const target = await stage.target();
    const command = await runUnderWay(stage, target);
    command.signal("SIGKILL", command.pid);
    expect((await command.exit()).signal).to.equal("SIGKILL");
    await command.gone();
    const { requests } = target.stats();
    await expectRecoverable(stage, target);
    expect(target.stats().requests, "requests of processes that are gone").to.equal(requests);
  });

  const moments: readonly (readonly [string, (stage: Stage, target: LoggedTarget) => boolean, number])[] = [
    ["before the first request", (stage) => isBegun(outOf(stage)), 0],
    ["among the first requests", (_, target) => target.stats().requests >= 1, 0],
    ["in the warm-up", (stage) => rowsIn(outOf(stage)) >= 5, 5],
    ["in the middle", (stage) => rowsIn(outOf(stage)) >= 150, 150],
    ["when the last rows are there, or the files are written", (stage) => rowsIn(outOf(stage)) >= 240, 240],
  ];
  for (const [when, isReached, rows] of moments) {
    test(`all processes are killed at once ${when}: every committed row is kept (accounts: by \`assay runs recover\`, from the rows)`, async (stage) => {
      const target = await stage.target();
      const command = stage.run(target, "--warmup-request-count", "40", "--request-count", "200");
      await command.until(when, () => isReached(stage, target));
      command.signal("SIGKILL", ...command.processes().map(({ pid }) => pid));
      await command.exit();
      await command.gone();
      const { code, stdout, stderr } = await stage.start(["runs", "recover", rows === 150 ? "latest" : "out"]).exit();
      expect(code, stderr).to.equal(0);
      expect(stdout).to.match(
        /^(recovered|whole already): run \S+, (FAILED|COMPLETED); warmup: \d+ succeeded.*; profiling: \d+ succeeded/,
      );
      const file = expectAccounted(outOf(stage), target);
      expect(file.rows).to.be.at.least(rows);
      expectToldInFiles(outOf(stage), file.state);
    });
  }

  test("the command is killed before the first request: all of its processes end (accounts: there are none)", async (stage) => {
    const target = await stage.target();
    const command = stage.run(target);
    await command.until("a worker", () => command.pids("worker").length > 0);
    command.signal("SIGKILL", command.pid);
    expect((await command.exit()).signal).to.equal("SIGKILL");
  });
});

function outOf({ folder }: Stage): string {
  return join(folder, "out");
}

/** A run that has sent and committed some of its requests, with most of its 300 still to come. */
async function runUnderWay(stage: Stage, target: LoggedTarget, ...args: readonly string[]): Promise<Command> {
  const command = stage.run(target, "--request-count", "300", ...args);
  await command.until("rows of a run under way", () => target.stats().requests >= 60 && rowsIn(outOf(stage)) >= 20);
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
async function expectRecoverable(stage: Stage, target: LoggedTarget): Promise<void> {
  const { code, stdout, stderr } = await stage.start(["runs", "recover", outOf(stage)]).exit();
  expect(code, stderr).to.equal(0);
  expect(stdout).to.match(/^recovered: run \S+, FAILED; profiling: \d+ succeeded/);
  const file = expectAccounted(outOf(stage), target);
  expect(file.state).to.equal("FAILED");
  expect(file.rows).to.be.at.least(20);
  expectToldInFiles(outOf(stage), "FAILED");
}
