import { join } from "node:path";
import { expect } from "chai";
import { endsWithinMs, expectReconciled, rowsIn, runFile, useStages } from "../support/suite.ts";

/** Below the ports that systems hand out, so that no other test's server comes to listen there. */
const nobody = { url: "http://127.0.0.1:1" };
const laterPort = 20_000 + (process.pid % 10_000);
const later = { url: `http://127.0.0.1:${laterPort}` };

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
    expect(code, stderr).to.equal(4);
    const file = runFile(out);
    expect(file).to.include({ state: "COMPLETED", rows: 300 });
    const { "": succeeded = 0, ...errors } = file.errors;
    expect(succeeded).to.be.at.least(20);
    expect(Object.values(errors).reduce((sum, count) => sum + count, succeeded)).to.equal(300);
    // What was in flight is cut off, and so may be what goes out on a kept connection before its end is seen; the rest finds nobody.
    expect(errors.connect_refused ?? 0, JSON.stringify(errors)).to.be.at.least(300 - succeeded - 3 * 8);
    expectReconciled(file, { requests: 300 });
  });

  test("fails before its first request when nobody listens, and tells why in one line", async (stage) => {
    const { code, stdout, stderr } = await stage.run(nobody, "--ui", "none").exit();
    expect(code, stderr).to.equal(1);
    expect(stderr).to.match(
      /^assay run: the run failed: target not ready: GET http:\S+\/v1\/models: connect_refused: .*is the server running.*\n$/,
    );
    expect(stdout).to.equal("");
    expect(runFile(join(stage.folder, "out"))).to.include({ state: "FAILED", rows: 0 });
  });

  test("fails when every request does, shows how, and never says that it completed", async (stage) => {
    const { code, stdout, stderr } = await stage.run(nobody, "--request-count", "50", "--no-probe").exit();
    expect(code, stderr).to.equal(1);
    expect(stderr).to.contain("assay run: the run failed: all 50 requests failed\n");
    expect(stdout).to.match(/connect_refused .* 50 .*ECONNREFUSED/);
    expect(stdout + stderr).to.not.match(/completed\b/);
    const file = runFile(join(stage.folder, "out"));
    expect(file).to.include({ state: "FAILED", reason: "all 50 requests failed", rows: 50 });
    expectReconciled(file, { requests: 50 });
  });

  test("waits for a model that comes later, and is left at once by a Ctrl-C while it waits", async (stage) => {
    const wait = ["--wait-for-model-timeout", "600", "--wait-for-model-interval", "0.1", "--request-count", "8"];
    const command = stage.run(later, ...wait);
    await command.until("the wait to be told", () => command.stderr.includes("waiting for the model at"));
    const back = await stage.mock({ port: laterPort });
    const { code, stderr } = await command.exit();
    expect(code, stderr).to.equal(0);
    // The model was found ready by one request more than the run's own.
    expect(back.stats().requests).to.equal(9);
    await back.stop();
    const other = stage.start(["run", "-m", "m", "-u", later.url, "--no-gpu-telemetry", ...wait, "--artifact-dir", "other"]);
    await other.until("the wait to be told", () => other.stderr.includes("waiting for the model at"));
    other.signalGroup("SIGINT");
    expect((await other.exit()).code).to.equal(130);
    expect(runFile(join(stage.folder, "other"))).to.include({ state: "CANCELLED", rows: 0 });
  });

  test("is met by one request of assay send", async (stage) => {
    const mock = await stage.mock();
    const { code, stdout, stderr } = await stage
      .start(["send", "-m", "m", "-u", mock.url, "--streaming", "--isl", "20", "--json"])
      .exit();
    expect(code, stderr).to.equal(0);
    expect(JSON.parse(stdout)).to.include({ status: 200, prompt_tokens: 20 });
    expect(mock.stats().requests).to.equal(1);
  });

  test("ends each request of a target that hangs by its timeout", async (stage) => {
    const mock = await stage.mock({ ttftMs: 3_600_000 });
    const command = stage.run(mock, "--request-count", "16", "--request-timeout-seconds", "1");
    const { code, stderr } = await command.exit();
    expect(code, stderr).to.equal(1);
    const file = runFile(join(stage.folder, "out"));
    expect(file).to.include({ state: "FAILED", rows: 16 });
    expect(Object.keys(file.errors)).to.have.lengthOf(1);
    expect(Object.keys(file.errors)[0]).to.match(/timeout/);
    expect(mock.stats()).to.include({ requests: 16, openStreams: 0 });
    expectReconciled(file, mock.stats());
  });
});
