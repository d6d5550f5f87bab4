import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect } from "chai";
import type { Mock } from "../../mock/server.ts";
import { type Command, endsWithinMs, expectReconciled, rowsIn, runFile, type Stage, useStages } from "../support/suite.ts";

/** Of a server whose requests are done in 0.2 s. */
const noneAfterMs = 1_000;

describe("a run that is interrupted", function () {
  this.timeout(4 * endsWithinMs);
  const test = useStages();

  for (const [what, interrupt] of [
    ["one Ctrl-C of a terminal", (command) => command.signalGroup("SIGINT")],
    ["SIGINT to the command alone", (command) => command.signal("SIGINT", command.pid)],
    ["SIGTERM", (command) => command.signal("SIGTERM", command.pid)],
    ["SIGTERM to all of its processes, as timeout and systemd send it", (command) => command.signalGroup("SIGTERM")],
  ] as const satisfies readonly (readonly [string, (command: Command) => void])[]) {
    test(`ends in order by ${what}, with results of what was done`, async (stage) => {
      const mock = await stage.mock();
      const command = await runUnderWay(stage, mock);
      interrupt(command);
      const { code, stdout, stderr } = await command.exit();
      expect(code, stderr).to.equal(130);
      expect(stderr).to.match(/stopping:.* press Ctrl-C again to leave now/);
      expect(stdout).to.contain("Request Latency");
      const file = runFile(outOf(stage));
      expect(file.state).to.equal("CANCELLED");
      // What is in flight is let end: nothing is cut off, nothing lost.
      expect(file.errors).to.deep.equal({ "": file.rows });
      expect(file.rows).to.equal(mock.stats().requests);
      expect(file.phases[0]).to.include({ missing_record: 0, missing_lost: 0, is_account_complete: 1 });
      expectReconciled(file, mock.stats());
      for (const name of ["profile_export.jsonl", "profile_export_aiperf.json", "profile_export_aiperf.csv", "inputs.json"]) {
        expect(existsSync(join(outOf(stage), name)), name).to.equal(true);
      }
      await expectNoMore(mock);
    });
  }

  test("is left at once by a second Ctrl-C, with a file that can be recovered", async (stage) => {
    // An answer takes longer than anybody waits.
    const mock = await stage.mock({ ttftMs: 600_000 });
    const command = stage.run(mock, "--request-count", "1000");
    await command.until("requests in flight", () => mock.stats().openStreams === 8);
    command.signalGroup("SIGINT");
    await command.until("the first to be heard", () => command.stderr.includes("press Ctrl-C again"));
    command.signalGroup("SIGINT");
    const { code, stderr } = await command.exit();
    expect(code, stderr).to.equal(130);
    await command.gone();
    const recovery = await stage.start(["runs", "recover", outOf(stage)]).exit();
    expect(recovery.code, recovery.stderr).to.equal(0);
    expect(runFile(outOf(stage)).state).to.be.oneOf(["FAILED", "CANCELLED"]);
    await expectNoMore(mock);
    expect(mock.stats()).to.include({ requests: 8, openStreams: 0 });
  });

  test("leaves nothing behind when that happens before it has begun", async (stage) => {
    const mock = await stage.mock();
    const command = stage.run(mock, "--request-count", "1000");
    await command.until("a process of it", () => command.pids("suite").length > 0);
    command.signalGroup("SIGINT");
    const { code, stderr } = await command.exit();
    expect(code, stderr).to.equal(130);
    await command.gone();
    await expectNoMore(mock);
  });

  test("cancels what is in flight when the grace is over", async (stage) => {
    const mock = await stage.mock({ ttftMs: 600_000 });
    const load = ["--benchmark-duration", "600", "--benchmark-grace-period", "1"];
    const command = stage.run(mock, ...load);
    await command.until("requests in flight", () => mock.stats().openStreams === 8);
    command.signalGroup("SIGINT");
    const { code, stderr } = await command.exit();
    expect(code, stderr).to.equal(130);
    const file = runFile(outOf(stage));
    expect(file).to.deep.include({ state: "CANCELLED", rows: 8, errors: { cancelled: 8 } });
    expectReconciled(file, mock.stats());
    expect(mock.stats()).to.include({ requests: 8, openStreams: 0 });
  });
});

function outOf({ folder }: Stage): string {
  return join(folder, "out");
}

async function runUnderWay(stage: Stage, mock: Mock): Promise<Command> {
  const command = stage.run(mock, "--request-count", "100000");
  await command.until("rows of a run under way", () => mock.stats().requests >= 60 && rowsIn(outOf(stage)) >= 20);
  return command;
}

async function expectNoMore(mock: Mock): Promise<void> {
  const { requests } = mock.stats();
  await delay(noneAfterMs);
  expect(mock.stats().requests, "requests after the end").to.equal(requests);
}
