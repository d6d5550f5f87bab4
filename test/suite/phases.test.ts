import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { type Command, endsWithinMs, expectReconciled, runFile, type Stage, useStages } from "../support/suite.ts";

/** A warm-up, a closed loop that hands over without a gap, and a rate. */
const file = `
models: [m]
endpoint: { streaming: true }
dataset: { synthetic: { input_tokens: { mean: 32 }, output_tokens: { mean: 32 } } }
phases:
  - { name: warm, kind: PHASE_KIND_WARMUP, concurrency: { limit: 2 }, stop: { request_count: 6 } }
  - { name: steady, kind: PHASE_KIND_PROFILING, concurrency: { limit: 6 }, stop: { request_count: 18 }, is_seamless: true }
  - { name: burst, kind: PHASE_KIND_PROFILING, concurrency: { limit: 3 }, stop: { session_count: 15 } }
  - name: rate
    kind: PHASE_KIND_PROFILING
    rate: { rate_per_sec: 50, pattern: ARRIVAL_PATTERN_CONSTANT }
    stop: { request_count: 20 }
`;

function play(stage: Stage, url: string, ...args: readonly string[]): Command {
  writeFileSync(join(stage.folder, "run.yaml"), file);
  const quiet = ["--workers-max", "2", "--no-gpu-telemetry", "--no-probe", "--artifact-dir", "out"];
  return stage.start(["run", "-f", "run.yaml", "-u", url, ...quiet, ...args]);
}

describe("phases of a file", function () {
  this.timeout(2 * endsWithinMs);
  const test = useStages();

  test("are played in order, each with its own load, stop and figures, a seamless one into the next", async (stage) => {
    const mock = await stage.mock({ ttftMs: 30, itlMs: 40 });
    const { code, stdout, stderr } = await play(stage, mock.url, "--json").exit();
    expect(code, stderr).to.equal(0);
    const { phases } = JSON.parse(stdout);
    expect(
      phases.map((phase: { name: string; identity: { succeeded: number } }) => [phase.name, phase.identity.succeeded]),
    ).to.deep.equal([
      ["warm", 6],
      ["steady", 18],
      ["burst", 15],
      ["rate", 20],
    ]);
    for (const phase of phases.slice(1))
      expect(phase.metrics.request_latency.count, phase.name).to.equal(phase.identity.succeeded);
    const { requests, completed, maxOpenStreams } = mock.stats();
    expect({ requests, completed }).to.deep.equal({ requests: 59, completed: 59 });
    expect(maxOpenStreams).to.be.at.least(6);
    const told = runFile(join(stage.folder, "out"));
    expectReconciled(told, mock.stats());
    const at = (message: string): number => told.events.findIndex((event) => event.message === message);
    const back = "every credit came back or is lost";
    expect(at("phase burst began"), "while answers of the one before still come").to.be.within(
      at("phase steady: nothing more will be sent"),
      at(`phase steady: ${back}`),
    );
    expect(at("phase rate began")).to.be.above(at(`phase burst: ${back}`));
  });

  test("are shown one after the other", async (stage) => {
    const mock = await stage.mock({ ttftMs: 5, itlMs: 0 });
    const { code, stdout, stderr } = await play(stage, mock.url).exit();
    expect(code, stderr).to.equal(0);
    const titles = ["warm: 6 succeeded", "LLM Metrics: steady", "LLM Metrics: burst", "LLM Metrics: rate"];
    const places = titles.map((title) => stdout.indexOf(title));
    expect(places, stdout).to.not.include(-1);
    expect(places).to.deep.equal(places.toSorted((a, b) => a - b));
  });
});
