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
});
