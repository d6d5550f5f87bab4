import { join } from "node:path";
import { expect } from "chai";
import { endsWithinMs, expectReconciled, rowsIn, runFile, useStages } from "../support/suite.ts";

describe("a run against a bad target", function () {
  this.timeout(4 * endsWithinMs);
  const test = useStages();

  test("records an error for every request that is left when the target dies", async (stage) => {
    const mock = await stage.mock();
    const command = stage.run(mock, "--request-count", "300");
    const out = join(stage.folder, "out");
    await command.until("rows of a run under way", () => mock.stats().requests >= 60 && rowsIn(out) >= 20);
    await mock.stop();
    const { code, stderr } = await command.exit();
    expect(code, stderr).to.equal(0);
    const file = runFile(out);
    expect(file).to.include({ state: "COMPLETED", rows: 300 });
    const { "": succeeded = 0, ...errors } = file.errors;
    expect(succeeded).to.be.at.least(20);
    expect(Object.values(errors).reduce((sum, count) => sum + count, succeeded)).to.equal(300);
    // What was in flight is cut off, and so may be what goes out on a kept connection before its end is seen; the rest finds nobody.
    expect(errors.connect_refused ?? 0, JSON.stringify(errors)).to.be.at.least(300 - succeeded - 3 * 8);
    expectReconciled(file, { requests: 300 });
  });

  test("fails when nobody listens from the beginning", async (stage) => {
    const mock = await stage.mock();
    await mock.stop();
    const command = stage.run(mock, "--request-count", "50");
    const { code, stderr } = await command.exit();
    expect(code, stderr).to.equal(1);
    expect(stderr).to.contain("no measured request succeeded");
    const file = runFile(join(stage.folder, "out"));
    expect(file.rows).to.equal(50);
    expectReconciled(file, { requests: 50 });
  });

  test("ends each request of a target that hangs by its timeout", async (stage) => {
    const mock = await stage.mock({ ttftMs: 3_600_000 });
    const command = stage.run(mock, "--request-count", "16", "--request-timeout-seconds", "1");
    const { code, stderr } = await command.exit();
    expect(code, stderr).to.equal(1);
    const file = runFile(join(stage.folder, "out"));
    expect(file).to.include({ state: "COMPLETED", rows: 16 });
    expect(Object.keys(file.errors)).to.have.lengthOf(1);
    expect(Object.keys(file.errors)[0]).to.match(/timeout/);
    expect(mock.stats()).to.include({ requests: 16, openStreams: 0 });
    expectReconciled(file, mock.stats());
  });
});
