import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect } from "chai";
import { expectAccounted } from "../../support/accounted.ts";
import type { LoggedTarget } from "../../support/logged-target.ts";
import { type Command, endsWithinMs, type Role, type RunFile, rowsIn, type Stage, useStages } from "../../support/suite.ts";

/** Longer than a worker's lease and timing's for it (4 and 5 s), shorter than the controller's patience (10 s). */
const frozenMs = 7_000;
/** Of a worker: above everybody's patience. */
const workerFrozenMs = 10_000;

describe("a process of `assay run` that stands still", function () {
  this.timeout(5 * endsWithinMs);
  const test = useStages();

  for (const role of ["records", "suite", "cli"] satisfies Role[]) {
    test(`the ${role} process stands still for ${frozenMs / 1000} s: the run goes on afterwards (accounts: complete; nothing is missing)`, async (stage) => {
      const target = await stage.target();
      const command = await runUnderWay(stage, target, "500");
      await freezeAndThaw(command, [command.pidOf(role)]);
      const { code, stderr } = await command.exit();
      expect(code, stderr).to.equal(0);
      const file = expectAccounted(outOf(stage), target);
      expect(file).to.deep.include({ state: "COMPLETED", rows: 500, errors: { "": 500 } });
      expect(target.stats().requests).to.equal(500);
    });
  }

  test("timing stands still for 7 s: nothing is sent on leases that are over, and the run goes on afterwards (accounts: complete)", async (stage) => {
    const target = await stage.target();
    const command = await runUnderWay(stage, target, "500");
    await freezeAndThaw(command, [command.pidOf("timing")]);
    const { code, stderr } = await command.exit();
    expect(code, stderr).to.equal(0);
    const file = expectAccounted(outOf(stage), target);
    expect(file).to.include({ state: "COMPLETED", rows: 500 });
    expectFenced(file);
    expect(target.stats().maxOpenStreams).to.be.at.most(8);
  });

  test(`a worker stands still for ${workerFrozenMs / 1000} s: its slots are given away after its lease, and what it overran is noted (accounts: complete; what it held is lost)`, async (stage) => {
    const target = await stage.target();
    // Long enough for the other worker alone: all that this one holds is lost.
    const command = await runUnderWay(stage, target, "800");
    const [frozen = 0] = command.pids("worker");
    await freezeAndThaw(command, [frozen], workerFrozenMs);
    const { code, stderr } = await command.exit();
    expect(code, stderr).to.equal(0);
    expect(stderr).to.match(/worker-\w+: lease over; \d+ credits lost/);
    expect(command.pids("worker")).to.deep.equal([]);
    const file = expectAccounted(outOf(stage), target);
    expect(file.state).to.equal("COMPLETED");
    expect(file.phases[0]?.missing_lost).to.be.at.least(1);
    expect(file.events.map(({ kind }) => kind)).to.include("fenced_overrun");
    expect(file.verdict).to.be.oneOf(["suspect", "invalid"]);
    expect(file.reasons.join("; ")).to.match(/a frozen worker woke up after its lease/);
    expectFenced(file);
    // The other's 4 and its own, which alone can be too many: it could not cancel them.
    expect(target.stats().maxOpenStreams).to.be.at.most(8 + 4);
  });

  test("all processes stand still, as with Ctrl-Z and fg: the run goes on where it was (accounts: complete)", async (stage) => {
    const target = await stage.target();
    const command = await runUnderWay(stage, target, "300");
    const pids = command.processes().map(({ pid }) => pid);
    await freezeAndThaw(command, pids);
    const { code, stderr } = await command.exit();
    expect(code, stderr).to.equal(0);
    const file = expectAccounted(outOf(stage), target);
    expect(file.state).to.equal("COMPLETED");
    expectFenced(file);
    expect(target.stats().maxOpenStreams).to.be.at.most(8 + 8);
  });

  test("a worker stands still for good: the run goes on with the other one (accounts: complete; what it held is lost)", async (stage) => {
    const target = await stage.target();
    const command = await runUnderWay(stage, target, "300");
    const [frozen = 0] = command.pids("worker");
    command.signal("SIGSTOP", frozen);
    const { code, stderr } = await command.exit();
    expect(code, stderr).to.equal(0);
    expect(stderr).to.match(/worker-\w+: lease over; \d+ credits lost/);
    const file = expectAccounted(outOf(stage), target);
    expect(file.state).to.equal("COMPLETED");
    expect(file.verdict).to.be.oneOf(["suspect", "invalid"]);
  });

  for (const [what, role, accounts, words] of [
    [
      "every worker",
      "worker",
      "complete",
      /the run failed: no worker left: worker-\w+: (it has said nothing for 10 s|its process is gone)/,
    ],
    [
      "timing",
      "timing",
      "from the rows and timing's last heartbeat; no equality is claimed",
      /the run failed: timing is gone: timing-1: (it has said nothing for 10 s|its process is gone)/,
    ],
  ] as const) {
    test(`${what} stands still for good: the run fails and says so (accounts: ${accounts})`, async (stage) => {
      const target = await stage.target();
      const command = await runUnderWay(stage, target, "100000");
      command.signal("SIGSTOP", ...command.pids(role));
      const { code, stderr } = await command.exit();
      expect(code, stderr).to.equal(1);
      expect(stderr).to.match(words);
      const file = expectAccounted(outOf(stage), target);
      expect(file.state).to.equal("FAILED");
      expect(file.rows).to.be.at.least(20);
      expect(file.phases[0]?.closed).to.equal(1);
    });
  }

  for (const [role, words] of [
    ["records", /the run failed: records-manager is gone: .*: (it has said nothing for 10 s|its process is gone)/],
    [
      "suite",
      /assay run: the run is lost: the suite has not answered for \d+ s: .*; what was recorded is in \S+out, assay runs recover/,
    ],
  ] as const) {
    test(`the ${role} process stands still for good: the command ends and says so (accounts: by \`assay runs recover\`, from the rows)`, async (stage) => {
      const target = await stage.target();
      const command = await runUnderWay(stage, target, "100000");
      command.signal("SIGSTOP", command.pidOf(role));
      const { code, stderr } = await command.exit();
      expect(code, stderr).to.equal(1);
      expect(stderr).to.match(words);
      await command.gone();
      const recovery = await stage.start(["runs", "recover", outOf(stage)]).exit();
      expect(recovery.code, recovery.stderr).to.equal(0);
      const file = expectAccounted(outOf(stage), target);
      expect(file.state).to.equal("FAILED");
      expect(file.rows).to.be.at.least(20);
    });
  }
});

/** Above a worker's lease and timing's for it (4 and 5 s), below what its guard can keep (9 s). */
const busyMs = 6_000;

describe("a worker whose event loop is in one turn", function () {
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
    const target = await stage.target({ ttftMs: 20, itlMs: 5 });
    const flag = join(stage.folder, "busy");
    const file = join(stage.folder, "slow.mjs");
    writeFileSync(file, endpointOf(ms, flag));
    const command = stage.run(
      target,
      "--request-count",
      "800",
      // A body that was made before is not made again.
      "--num-prompts",
      "800",
      "--endpoint-module",
      file,
      "--endpoint-type",
      "slow-chat",
      "--no-probe",
    );
    await command.until("rows of a run under way", () => target.stats().requests >= 60 && rowsIn(outOf(stage)) >= 20);
    writeFileSync(flag, "");
    const { code, stderr } = await command.exit();
    expect(code, stderr).to.equal(0);
    const run = expectAccounted(outOf(stage), target);
    expect(run).to.include({ state: "COMPLETED" });
    return { run, stderr, target };
  }

  test(`a worker's event loop is in one turn for ${busyMs / 1000} s: a thread keeps its lease (accounts: complete; nothing is missing)`, async (stage) => {
    const { run, stderr, target } = await runWithBusyWorker(stage, busyMs);
    expect(stderr).to.not.include("lost");
    expect(run).to.deep.include({ rows: 800, errors: { "": 800 } });
    expect(target.stats().maxOpenStreams).to.be.at.most(8);
  });

  test("a worker's event loop is in one turn for good: the run goes on with the other worker (accounts: complete; what it held is lost)", async (stage) => {
    const { run, stderr } = await runWithBusyWorker(stage, Number.MAX_SAFE_INTEGER);
    expect(stderr).to.match(/worker-\w+: lease over; \d+ credits lost/);
    expect(run.phases[0]?.missing_lost).to.be.at.least(1);
  });
});

function outOf({ folder }: Stage): string {
  return join(folder, "out");
}

/** A run that has sent and committed some of its requests, with most of them still to come. */
async function runUnderWay(stage: Stage, target: LoggedTarget, requestCount: string): Promise<Command> {
  const command = stage.run(target, "--request-count", requestCount);
  await command.until("rows of a run under way", () => target.stats().requests >= 60 && rowsIn(outOf(stage)) >= 20);
  return command;
}

async function freezeAndThaw(command: Command, pids: readonly number[], forMs = frozenMs): Promise<void> {
  command.signal("SIGSTOP", ...pids);
  await delay(forMs);
  command.signal("SIGCONT", ...pids);
}

/** What did not succeed was ended by a lease that was over: at most what was in flight. */
function expectFenced({ errors }: RunFile): void {
  const { "": succeeded = 0, fenced = 0, ...others } = errors;
  expect(others).to.deep.equal({});
  expect(fenced).to.be.at.most(8);
  expect(succeeded).to.be.at.least(20);
}
