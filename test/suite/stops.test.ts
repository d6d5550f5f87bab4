import { join } from "node:path";
import { expect } from "chai";
import { endsWithinMs, expectReconciled, runFile, useStages } from "../support/suite.ts";

describe("a run stops", function () {
  this.timeout(4 * endsWithinMs);
  const test = useStages();

  test("early when too many requests fail, keeps what there is, and exits with 4", async (stage) => {
    const mock = await stage.mock({ failures: { 500: 0.5 } });
    const limits = ["--request-count", "5000", "--failed-request-threshold", "0.2"];
    const { code, stdout, stderr } = await stage.run(mock, ...limits, "--json").exit();
    expect(code, stderr).to.equal(4);
    expect(stderr).to.match(/phase profiling ends early: \d+ of \d+ requests failed, and no more than 0.2 of them may/);
    expect(stderr).to.match(/phase profiling was ended early: too many of its requests failed; \d+ of \d+ did in the end/);
    expect(JSON.parse(stdout).state).to.equal("completed");
    const file = runFile(join(stage.folder, "out"));
    expect(file.state).to.equal("COMPLETED");
    expect(file.rows).to.be.within(10, 4000);
    expect(mock.stats().requests).to.equal(file.rows);
    expectReconciled(file, mock.stats());
  });

  test("after the sessions that were asked for, each played whole, the warm-up's before the measured ones", async (stage) => {
    const mock = await stage.mock({ ttftMs: 5, itlMs: 0 });
    const sessions = ["--conversation-turn-mean", "3", "--num-sessions", "20"];
    const warmup = ["--num-warmup-sessions", "4", "--warmup-concurrency", "2"];
    const { code, stderr } = await stage.run(mock, ...sessions, ...warmup, "--concurrency", "6").exit();
    expect(code, stderr).to.equal(0);
    const file = runFile(join(stage.folder, "out"));
    expect(file.phases.map(({ name, succeeded }) => [name, succeeded])).to.deep.equal([
      ["warmup", 12],
      ["profiling", 60],
    ]);
    expect(mock.stats()).to.include({ requests: 72, completed: 72 });
    expect(mock.stats().maxOpenStreams).to.be.at.most(6);
    expectReconciled(file, mock.stats());
  });
});
