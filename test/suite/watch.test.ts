/** A run's load changed while it runs, as a person does it: `assay watch` beside `assay run` of a suite. */
import { join } from "node:path";
import Database from "better-sqlite3";
import { expect } from "chai";
import { type ServedSuite, startServedSuite } from "../support/served-suite.ts";
import { endsWithinMs, expectReconciled, runFile, useStage } from "../support/suite.ts";

describe("assay watch", function () {
  this.timeout(3 * endsWithinMs);
  const suite = useStage();
  let served: ServedSuite;

  before(async () => {
    served = await startServedSuite();
  });

  after(async () => {
    await served.stop();
  });

  const change = async (...args: readonly string[]) => {
    const words = ["watch", "latest", "--controller", served.address, "--token-file", served.tokenFile, ...args];
    return suite.start(words).exit();
  };

  it("changes rate, pauses, goes on and stops; each change is an event, and the schedule follows it", async () => {
    const mock = await suite.mock({ ttftMs: 1, itlMs: 0 });
    const run = suite.start([
      ...["run", "-m", "mock", "-u", mock.url, "--controller", served.address, "--token-file", served.tokenFile],
      ...["--request-rate", "20", "--arrival-pattern", "constant", "--benchmark-duration", "120", "--workers-max", "2"],
      ...["--isl", "16", "--osl", "4", "--no-gpu-telemetry", "--artifact-dir", "out"],
    ]);
    await run.until("requests", () => mock.stats().requests >= 10);
    const wrong = await change("--set-concurrency", "3");
    expect(wrong.code).to.equal(1);
    expect(wrong.stderr).to.include("phase profiling has no concurrency to be changed");

    const faster = await change("--set-rate", "100");
    expect(faster.code, faster.stderr).to.equal(0);
    expect(faster.stdout).to.match(/: rate 100 per second\n$/);
    const before = mock.stats().requests;
    await run.until("more requests", () => mock.stats().requests >= before + 100);
    expect((await change("--pause")).code).to.equal(0);
    const paused = mock.stats().requests;
    const resumed = await change("--resume");
    expect(resumed.code, resumed.stderr).to.equal(0);
    await run.until("requests after the pause", () => mock.stats().requests >= paused + 20);
    const stopped = await change("--stop", "--follow");
    expect(stopped.stdout).to.match(/: cancelled/);
    await run.exit();

    const folder = join(suite.folder, "out");
    const file = runFile(folder);
    const changes = file.events.filter(({ kind }) => kind === "load_changed").map(({ message }) => message);
    expect(changes.map((text) => text.split(";")[0])).to.deep.equal([
      "phase profiling: rate 100 per second",
      "phase profiling: paused",
      "phase profiling: resumed",
    ]);
    expect(changes.every((text) => /; asked by \S+$/.test(text))).to.equal(true);
    expectReconciled(file, mock.stats());
    // Gaps of 50 ms, then of 10 ms, and one as long as the pause.
    const gaps = gapsIn(folder);
    const odd = gaps.filter((gap) => Math.abs(gap - 50) > 0.5 && Math.abs(gap - 10) > 0.5);
    expect(gaps.filter((gap) => Math.abs(gap - 50) <= 0.5).length).to.be.at.least(9);
    expect(gaps.filter((gap) => Math.abs(gap - 10) <= 0.5).length).to.be.at.least(110);
    expect(odd.length, odd.join()).to.be.at.most(4);
  });

  it("finds a run that another terminal started by itself, and lowers its rate", async () => {
    const mock = await suite.mock({ ttftMs: 1, itlMs: 0 });
    const run = suite.start([
      ...[
        "run",
        "-m",
        "mock",
        "-u",
        mock.url,
        "--request-rate",
        "100",
        "--arrival-pattern",
        "constant",
        "--request-count",
        "400",
      ],
      ...["--workers-max", "1", "--isl", "16", "--osl", "4", "--no-gpu-telemetry", "--artifact-dir", "out"],
    ]);
    await run.until("requests", () => mock.stats().requests >= 10);
    const slower = await suite.start(["watch", "--set-rate", "50"]).exit();
    expect(slower.code, slower.stderr).to.equal(0);
    const watcher = await suite.start(["watch", "latest"]).exit();
    expect(watcher.stdout).to.match(/: completed \(/);
    const { code, stderr } = await run.exit();
    expect(code, stderr).to.equal(0);
    const changes = runFile(join(suite.folder, "out")).events.filter(({ kind }) => kind === "load_changed");
    expect(changes.map(({ message }) => message.split(";")[0])).to.deep.equal(["phase profiling: rate 50 per second"]);
    const nobody = await suite.start(["watch"]).exit();
    expect(nobody.stderr).to.include("no suite of yours runs on this machine");
    expect(nobody.code).to.equal(1);
  });

  /** Between two due times, in ms. */
  function gapsIn(folder: string): number[] {
    const db = new Database(join(folder, "run.db"), { readonly: true });
    try {
      const dues = db.prepare("SELECT due_ns FROM requests ORDER BY due_ns").pluck().all() as number[];
      return dues.slice(1).map((due, index) => (due - (dues[index] ?? 0)) / 1e6);
    } finally {
      db.close();
    }
  }
});
