import { join } from "node:path";
import { expect } from "chai";
import type { Mock } from "../../mock/server.ts";
import { type Command, endsWithinMs, expectReconciled, type Role, rowsIn, runFile, useSuite } from "../support/suite.ts";

/** Restarts of a worker before its place is given up. */
const maxRestarts = 3;

describe("a run whose process is killed", function () {
  this.timeout(2 * endsWithinMs);
  const suite = useSuite();
  const out = () => join(suite.folder, "out");

  /** A run that has sent and committed some of its requests, with most of them still to come. */
  async function runUnderWay(mock: Mock, ...args: readonly string[]): Promise<Command> {
    const command = suite.run(mock, "--request-count", "300", ...args);
    await command.until("rows of a run under way", () => mock.stats().requests >= 60 && rowsIn(out()) >= 20);
    return command;
  }

  it("goes on after the death of a worker, with another in its place, and counts what was lost with it", async () => {
    const mock = await suite.mock();
    const command = await runUnderWay(mock);
    const [victim = 0, survivor] = command.pids("worker");
    command.signal("SIGKILL", victim);
    await command.until("a worker in its place", () => command.pids("worker").filter((pid) => pid !== victim).length === 2);
    expect(command.pids("worker")).to.include(survivor);
    const { code, stderr } = await command.exit();
    expect(code, stderr).to.equal(0);
    expect(stderr).to.match(/worker-\w+ ended by SIGKILL; worker-\w+ takes its place/);
    const file = runFile(out());
    expect(file.state).to.equal("COMPLETED");
    const [phase] = file.phases;
    expect(phase?.missing_lost).to.be.at.least(1);
    // What is lost may have been sent and is never drawn again.
    expect(file.rows + (phase?.missing_lost ?? 0) + (phase?.missing_record ?? 0)).to.equal(300);
    expect(file.verdict).to.be.oneOf(["suspect", "invalid"]);
    expect(mock.stats().maxOpenStreams).to.be.at.most(8);
    expectReconciled(file, mock.stats());
  });

  it("fails when every worker has died too often, and says so", async () => {
    const mock = await suite.mock();
    const command = suite.run(mock, "--request-count", "100000");
    await command.until("rows of a run under way", () => rowsIn(out()) >= 20);
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
    const file = runFile(out());
    expect(file.state).to.equal("FAILED");
    expectReconciled(file, mock.stats());
  });

  it("fails with its timing process, and keeps every row", async () => {
    const mock = await suite.mock();
    const command = await runUnderWay(mock);
    command.signal("SIGKILL", command.pidOf("timing"));
    const { code, stderr } = await command.exit();
    expect(code, stderr).to.equal(1);
    expect(stderr).to.match(/the process of timing ended unexpectedly: SIGKILL/);
    expect(stderr).to.match(/the run failed: timing is gone/);
    const file = runFile(out());
    expect(file.state).to.equal("FAILED");
    expect(file.phases[0]).to.include({ closed: 1, is_account_complete: 0 });
    expect(file.rows).to.be.at.least(20);
    expect(file.reasons.join()).to.match(/no complete account/);
    expectReconciled(file, mock.stats());
  });

  it("goes on after the death of the records process, with nothing lost", async () => {
    const mock = await suite.mock();
    const command = await runUnderWay(mock);
    const victim = command.pidOf("records");
    command.signal("SIGKILL", victim);
    const { code, stderr } = await command.exit();
    expect(code, stderr).to.equal(0);
    expect(stderr).to.match(/the process of records-manager,record-processor ended unexpectedly: SIGKILL/);
    const file = runFile(out());
    expect(file).to.include({ state: "COMPLETED", rows: 300, late: 0 });
    expect(mock.stats().requests).to.equal(300);
    expectReconciled(file, mock.stats());
  });

  for (const [role, words] of [
    ["suite", /the process of controller,.* ended unexpectedly: SIGKILL[^]*the run is lost with its controller/],
    ["cli", /(?:)/],
  ] as const satisfies readonly (readonly [Role, RegExp])[]) {
    it(`leaves a file that can be recovered when its ${role} process dies`, async () => {
      const mock = await suite.mock();
      const command = await runUnderWay(mock);
      command.signal("SIGKILL", command.pidOf(role));
      const { code, signal, stderr } = await command.exit();
      expect([code, signal]).to.deep.equal(role === "cli" ? [null, "SIGKILL"] : [1, null]);
      expect(stderr).to.match(words);
      await command.until.call(command, "every process to end", () => command.processes().length === 0).catch(() => {});
      const recovery = await suite.start(["recover", out()]).exit();
      expect(recovery.code, recovery.stderr).to.equal(0);
      const file = runFile(out());
      expect(file.state).to.equal("FAILED");
      expect(file.rows).to.be.at.least(20);
      expectReconciled(file, mock.stats());
    });
  }
});
