import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect } from "chai";
import type { Mock } from "../../mock/server.ts";
import {
  type Command,
  endsWithinMs,
  expectReconciled,
  type Role,
  type RunFile,
  rowsIn,
  runFile,
  type Stage,
  useStages,
} from "../support/suite.ts";

/** Longer than a worker's lease and timing's for it (4 and 5 s), shorter than the controller's patience (10 s). */
const frozenMs = 7_000;

describe("a run whose process stands still", function () {
  this.timeout(5 * endsWithinMs);
  const test = useStages();

  for (const role of ["records", "suite", "cli"] satisfies Role[]) {
    test(`loses nothing when its ${role} process does for ${frozenMs / 1000} s`, async (stage) => {
      const mock = await stage.mock();
      const command = await runUnderWay(stage, mock, "500");
      await freezeAndThaw(command, command.pidOf(role));
      const { code, stderr } = await command.exit();
      expect(code, stderr).to.equal(0);
      const file = runFile(outOf(stage));
      expect(file).to.deep.include({ state: "COMPLETED", rows: 500, errors: { "": 500 } });
      expect(mock.stats().requests).to.equal(500);
      expectReconciled(file, mock.stats());
    });
  }

  test("sends nothing on leases that are over when its timing process does, and goes on afterwards", async (stage) => {
    const mock = await stage.mock();
    const command = await runUnderWay(stage, mock, "500");
    await freezeAndThaw(command, command.pidOf("timing"));
    const { code, stderr } = await command.exit();
    expect(code, stderr).to.equal(0);
    const file = runFile(outOf(stage));
    expect(file).to.include({ state: "COMPLETED", rows: 500 });
    expectFenced(file);
    expect(mock.stats().maxOpenStreams).to.be.at.most(8);
    expectReconciled(file, mock.stats());
  });

  test("gives a frozen worker's slots away after its lease, and notes what the worker overran", async (stage) => {
    const mock = await stage.mock();
    // Long enough for the other worker alone: all that this one holds is lost.
    const command = await runUnderWay(stage, mock, "800");
    const [frozen = 0] = command.pids("worker");
    await freezeAndThaw(command, frozen);
    const { code, stderr } = await command.exit();
    expect(code, stderr).to.equal(0);
    expect(stderr).to.match(/worker-\w+: lease over; \d+ credits lost/);
    expect(command.pids("worker")).to.deep.equal([]);
    const file = runFile(outOf(stage));
    expect(file.state).to.equal("COMPLETED");
    expect(file.phases[0]?.missing_lost).to.be.at.least(1);
    expect(file.events.map(({ kind }) => kind)).to.include("fenced_overrun");
    expect(file.verdict).to.be.oneOf(["suspect", "invalid"]);
    expect(file.reasons.join("; ")).to.match(/a frozen worker woke up after its lease/);
    expectFenced(file);
    // The other's 4 and its own, which alone can be too many: it could not cancel them.
    expect(mock.stats().maxOpenStreams).to.be.at.most(8 + 4);
    expectReconciled(file, mock.stats());
  });

  test("goes on where it was when all of it does, as with Ctrl-Z and fg", async (stage) => {
    const mock = await stage.mock();
    const command = await runUnderWay(stage, mock, "300");
    const pids = command.processes().map(({ pid }) => pid);
    await freezeAndThaw(command, ...pids);
    const { code, stderr } = await command.exit();
    expect(code, stderr).to.equal(0);
    const file = runFile(outOf(stage));
    expect(file.state).to.equal("COMPLETED");
    expectFenced(file);
    expect(mock.stats().maxOpenStreams).to.be.at.most(8 + 8);
    expectReconciled(file, mock.stats());
  });

  test("goes on with the other worker when one does for ever", async (stage) => {
    const mock = await stage.mock();
    const command = await runUnderWay(stage, mock, "300");
    const [frozen = 0] = command.pids("worker");
    command.signal("SIGSTOP", frozen);
    const { code, stderr } = await command.exit();
    expect(code, stderr).to.equal(0);
    expect(stderr).to.match(/worker-\w+: lease over; \d+ credits lost/);
    const file = runFile(outOf(stage));
    expect(file.state).to.equal("COMPLETED");
    expect(file.verdict).to.be.oneOf(["suspect", "invalid"]);
    expectReconciled(file, mock.stats());
  });

  for (const [what, role, words] of [
    ["every worker", "worker", /the run failed: no worker left: worker-\w+: (it has said nothing for 10 s|its process is gone)/],
    [
      "its timing process",
      "timing",
      /the run failed: timing is gone: timing-1: (it has said nothing for 10 s|its process is gone)/,
    ],
  ] as const) {
    test(`fails when ${what} does for ever, with its accounts closed`, async (stage) => {
      const mock = await stage.mock();
      const command = await runUnderWay(stage, mock, "100000");
      command.signal("SIGSTOP", ...command.pids(role));
      const { code, stderr } = await command.exit();
      expect(code, stderr).to.equal(1);
      expect(stderr).to.match(words);
      const file = runFile(outOf(stage));
      expect(file.state).to.equal("FAILED");
      expect(file.rows).to.be.at.least(20);
      expect(file.phases[0]?.closed).to.equal(1);
      expectReconciled(file, mock.stats());
    });
  }

  for (const [role, words] of [
    ["records", /the run failed: records-manager is gone: .*: (it has said nothing for 10 s|its process is gone)/],
    [
      "suite",
      /assay run: the run is lost: calling \S+RunService\/WatchRun at \S+: .*; what was recorded is in \S+out, assay runs recover/,
    ],
  ] as const) {
    test(`ends when its ${role} process does for ever, and its file can be recovered`, async (stage) => {
      const mock = await stage.mock();
      const command = await runUnderWay(stage, mock, "100000");
      command.signal("SIGSTOP", command.pidOf(role));
      const { code, stderr } = await command.exit();
      expect(code, stderr).to.equal(1);
      expect(stderr).to.match(words);
      await command.gone();
      const recovery = await stage.start(["runs", "recover", outOf(stage)]).exit();
      expect(recovery.code, recovery.stderr).to.equal(0);
      const file = runFile(outOf(stage));
      expect(file.state).to.equal("FAILED");
      expect(file.rows).to.be.at.least(20);
      expectReconciled(file, mock.stats());
    });
  }
});

/** Above a worker's lease and timing's for it (4 and 5 s), below what its guard can keep (9 s). */
const busyMs = 6_000;

describe("a run with a worker whose event loop is in one turn", function () {
  this.timeout(3 * endsWithinMs);
  const test = useStages();

  /** An endpoint by which the first worker that makes a body after `busy` has come is in that turn for so long. */
  const endpointOf = (ms: number, flag: string): string => `
    import { renameSync } from "node:fs";
    export const endpoints = {
      "slow-chat": (_options, { encodeJson, parseAnswer, textOf }) => ({
        path: "/v1/chat/completions",
        canStream: true,
        formatBody({ messages, model, maxOutputTokens }) {
          try {
            renameSync(${JSON.stringify(flag)}, ${JSON.stringify(`${flag}.taken`)});
            for (const endMs = performance.now() + ${ms}; performance.now() < endMs; );
          } catch {
            // Not yet, or another one was.
          }
          return encodeJson({ model, messages, max_tokens: maxOutputTokens, stream: true });
        },
        parse: (response) => parseAnswer(response, ({ choices = [] }) => ({
          outputText: textOf(choices[0]?.delta?.content) ?? "", reasoningText: "", finishReason: undefined, usage: undefined, errorWords: undefined,
        })),
      }),
    };`;

  async function runWithBusyWorker(stage: Stage, ms: number) {
    const mock = await stage.mock({ ttftMs: 20, itlMs: 5 });
    const flag = join(stage.folder, "busy");
    const file = join(stage.folder, "slow.mjs");
    writeFileSync(file, endpointOf(ms, flag));
    const command = stage.run(
      mock,
      "--request-count",
      "800",
      "--endpoint-module",
      file,
      "--endpoint-type",
      "slow-chat",
      "--no-probe",
    );
    await command.until("rows of a run under way", () => mock.stats().requests >= 60 && rowsIn(outOf(stage)) >= 20);
    writeFileSync(flag, "");
    const { code, stderr } = await command.exit();
    expect(code, stderr).to.equal(0);
    const run = runFile(outOf(stage));
    expect(run).to.include({ state: "COMPLETED" });
    expectReconciled(run, mock.stats());
    return { run, stderr, mock };
  }

  test(`for ${busyMs / 1000} s loses neither the worker nor a request`, async (stage) => {
    const { run, stderr, mock } = await runWithBusyWorker(stage, busyMs);
    expect(stderr).to.not.include("lost");
    expect(run).to.deep.include({ rows: 800, errors: { "": 800 } });
    expect(mock.stats().maxOpenStreams).to.be.at.most(8);
  });

  test("for good loses it, and goes on with the other one", async (stage) => {
    const { run, stderr } = await runWithBusyWorker(stage, Number.MAX_SAFE_INTEGER);
    expect(stderr).to.match(/worker-\w+: lease over; \d+ credits lost/);
    expect(run.phases[0]?.missing_lost).to.be.at.least(1);
  });
});

function outOf({ folder }: Stage): string {
  return join(folder, "out");
}

/** A run that has sent and committed some of its requests, with most of them still to come. */
async function runUnderWay(stage: Stage, mock: Mock, requestCount: string): Promise<Command> {
  const command = stage.run(mock, "--request-count", requestCount);
  await command.until("rows of a run under way", () => mock.stats().requests >= 60 && rowsIn(outOf(stage)) >= 20);
  return command;
}

async function freezeAndThaw(command: Command, ...pids: readonly number[]): Promise<void> {
  command.signal("SIGSTOP", ...pids);
  await delay(frozenMs);
  command.signal("SIGCONT", ...pids);
}

/** What did not succeed was ended by a lease that was over: at most what was in flight. */
function expectFenced({ errors }: RunFile): void {
  const { "": succeeded = 0, fenced = 0, ...others } = errors;
  expect(others).to.deep.equal({});
  expect(fenced).to.be.at.most(8);
  expect(succeeded).to.be.at.least(20);
}
