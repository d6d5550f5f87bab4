import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { endsWithinMs, expectReconciled, rowsIn, runFile, useStage } from "../support/suite.ts";

describe("a whole run counts", function () {
  this.timeout(2 * endsWithinMs);
  const suite = useStage();

  it("as many requests as were asked for: in the summary, in the file, and at the server", async () => {
    const mock = await suite.mock();
    const command = suite.run(mock, "--request-count", "100", "--json");
    const { code, stdout, stderr } = await command.exit();
    expect(code, stderr).to.equal(0);
    const { state, client, phases, files, folder } = JSON.parse(stdout);
    expect(state).to.equal("completed");
    expect(client.verdict, client.reasons.join("; ")).to.be.oneOf(["valid", "suspect"]);
    const [phase] = phases;
    expect(phase).to.include({ name: "profiling", asked: 100 });
    expect(phase.identity).to.include({ succeeded: 100, errored: 0, cancelled: 0, missing_record: 0, missing_lost: 0, late: 0 });
    expect(phase.metrics.request_latency.count).to.equal(100);
    // A GET of the requests' path, before the run, is refused: it wants a POST.
    expect(mock.stats()).to.include({ requests: 100, completed: 100, aborted: 0, refused: 1 });
    expect(mock.stats().maxOpenStreams).to.be.at.most(8);

    const file = runFile(join(suite.folder, "out"));
    expect(file).to.include({ state: "COMPLETED", rows: 100, late: 0 });
    expectReconciled(file, mock.stats());
    expect(folder).to.equal(join(suite.folder, "out"));
    expect(files).to.have.members([
      "inputs.json",
      "profile_export.jsonl",
      "profile_export_aiperf.csv",
      "profile_export_aiperf.json",
      "profile_export_console.txt",
      "run.db",
      "run_config.json",
      "server_metrics_export.csv",
      "server_metrics_export.json",
    ]);
    for (const name of files) expect(existsSync(join(folder, name)), name).to.equal(true);
    const lines = readFileSync(join(folder, "profile_export.jsonl"), "utf8").trimEnd().split("\n");
    expect(lines).to.have.lengthOf(100);
    // Every record leads to the body that was sent.
    const inputs = JSON.parse(readFileSync(join(folder, "inputs.json"), "utf8")).data.map(
      ({ session_id }: { session_id: string }) => session_id,
    );
    expect(new Set(lines.map((line) => JSON.parse(line).metadata.conversation_id))).to.deep.equal(new Set(inputs));
    const { run_info } = JSON.parse(readFileSync(join(folder, "profile_export_aiperf.json"), "utf8"));
    expect(run_info.cli_command).to.match(/^assay run .*--request-count 100/);
  });

  it("exactly 1000 of 1000 short requests, over two workers", async () => {
    const mock = await suite.mock({ ttftMs: 5, itlMs: 0 });
    const command = suite.run(mock, "--request-count", "1000", "--no-streaming", "--concurrency", "16", "--quiet");
    const { code, stderr } = await command.exit();
    expect(code, stderr).to.equal(0);
    expect(mock.stats()).to.include({ requests: 1000, completed: 1000 });
    expect(mock.stats().maxOpenStreams).to.be.at.most(16);
    const file = runFile(join(suite.folder, "out"));
    expect(file).to.deep.include({ rows: 1000, errors: { "": 1000 } });
    expectReconciled(file, mock.stats());
  });

  for (const pattern of ["constant", "poisson"]) {
    it(`what a ${pattern} rate sends within its duration, and nothing after it`, async () => {
      const mock = await suite.mock();
      const load = ["--request-rate", "60", "--arrival-pattern", pattern, "--benchmark-duration", "3"];
      const args = ["run", "-m", "mock", "-u", mock.url, "--streaming", "--workers-max", "2", "--isl", "64", "--osl", "32"];
      const command = suite.start([...args, ...load, "--random-seed", "7", "--artifact-dir", "out", "--json"]);
      const { code, stdout, stderr } = await command.exit();
      expect(code, stderr).to.equal(0);
      const { requests } = mock.stats();
      const { identity } = JSON.parse(stdout).phases[0];
      expect(identity.succeeded).to.equal(requests);
      expect(identity.drawn - identity.unused).to.equal(requests);
      const file = runFile(join(suite.folder, "out"));
      expect(file.rows).to.equal(requests);
      expectReconciled(file, mock.stats());
      // The schedule is drawn from the seed: neither load nor luck changes how many are due.
      if (pattern === "constant") expect(requests).to.be.within(179, 181);
      else expect(requests).to.be.within(120, 240);
    });
  }

  it("a warm-up beside the measured phase, each by itself", async () => {
    const mock = await suite.mock();
    const command = suite.run(mock, "--request-count", "40", "--warmup-request-count", "20", "--json");
    const { code, stdout, stderr } = await command.exit();
    expect(code, stderr).to.equal(0);
    expect(JSON.parse(stdout).phases.map((phase: { name: string }) => phase.name)).to.deep.equal(["warmup", "profiling"]);
    const file = runFile(join(suite.folder, "out"));
    expect(file.phases.map(({ name, succeeded }) => [name, succeeded])).to.deep.equal([
      ["warmup", 20],
      ["profiling", 40],
    ]);
    expect(mock.stats().requests).to.equal(60);
    expectReconciled(file, mock.stats());
  });

  it("two runs of one folder apart, at the same time", async () => {
    const mocks = [await suite.mock(), await suite.mock()];
    const commands = mocks.map((mock, index) =>
      suite.run(mock, "--request-count", `${60 + index}`, "--artifact-dir", `out-${index}`),
    );
    for (const [index, command] of commands.entries()) {
      const { code, stderr } = await command.exit();
      expect(code, stderr).to.equal(0);
      const folder = join(suite.folder, `out-${index}`);
      expect(rowsIn(folder)).to.equal(60 + index);
      expectReconciled(runFile(folder), mocks[index]?.stats() ?? { requests: 0 });
    }
  });
});
