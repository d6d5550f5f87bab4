import { expect } from "chai";
import { endsWithinMs, useStage } from "../support/suite.ts";

describe("a whole run tells whether the tool kept up", function () {
  this.timeout(2 * endsWithinMs);
  const suite = useStage();

  it("in the first line of an open loop's report, and for programs", async () => {
    const mock = await suite.mock();
    const load = ["--request-rate", "100", "--arrival-pattern", "constant", "--request-count", "250"];
    const shown = await suite.run(mock, ...load).exit();
    expect(shown.code, shown.stderr).to.equal(0);
    expect(shown.stdout.split("\n")[0]).to.match(
      /^Client (valid|suspect|invalid): 100\.0\/s asked, [\d.]+\/s sent, lateness p50 [\d.]+ ms p99 [\d.]+ ms(, workers at most \d+ % busy)?$/,
    );
    expect(shown.stdout).to.match(/^Sends: index of dispersion [\d.]+ \(schedule 0\.00, pattern 0\.00\)/m);
    expect(shown.stderr).to.match(/ of 100 req\/s/);
  });

  it("of a closed loop by how soon slots are used again, with what workers used", async () => {
    const mock = await suite.mock({ ttftMs: 20, itlMs: 5 });
    const { code, stdout, stderr } = await suite.run(mock, "--request-count", "400", "--quiet", "--json").exit();
    expect(code, stderr).to.equal(0);
    const { client, phases } = JSON.parse(stdout);
    expect(client.usage.workers).to.be.at.least(1);
    const [{ sends, lateness, steady_state: steady, metrics, workload_notes: notes }] = phases;
    expect(sends.turnaround.count).to.be.within(200, 400);
    expect(sends).to.not.have.any.keys("scheduled_per_sec", "dispersion");
    expect(lateness).to.equal(undefined);
    expect(metrics.request_latency.thin_percentiles).to.deep.equal(["p1", "p99"]);
    expect(notes.map(({ code: note }: { code: string }) => note)).to.include("few_samples");
    expect(steady.sends).to.be.within(100, 400);
    expect(steady.metrics.request_latency.count).to.be.at.most(steady.sends);
  });
});
