import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { endsWithinMs, expectReconciled, runFile, useStage } from "../support/suite.ts";

describe("a closed loop", function () {
  this.timeout(2 * endsWithinMs);
  const suite = useStage();

  it("gives up the share of requests that it was told to, after they were written, and no request of the warm-up", async () => {
    const mock = await suite.mock({ ttftMs: 300 });
    const cancelled = ["--request-cancellation-rate", "40", "--request-cancellation-delay", "0.05"];
    const counts = ["--request-count", "100", "--warmup-request-count", "20"];
    const { code, stderr } = await suite.run(mock, ...cancelled, ...counts, "--concurrency", "20").exit();
    expect(code, stderr).to.equal(0);
    const file = runFile(join(suite.folder, "out"));
    const [warmup, profiling] = file.phases;
    expect(warmup).to.include({ succeeded: 20, cancelled: 0 });
    // The draw hangs on the seed alone: neither load nor luck changes how many are given up.
    expect(profiling).to.include({ succeeded: 66, errored: 0, cancelled: 34 });
    expect(file.errors).to.deep.equal({ "": 86, cancelled: 34 });
    expect(mock.stats(), "at the server every one of them has arrived").to.include({ requests: 120, completed: 86, aborted: 34 });
    expectReconciled(file, mock.stats());
    const lines = readFileSync(join(suite.folder, "out/profile_export.jsonl"), "utf8").trimEnd().split("\n");
    const errors = lines.map((line) => JSON.parse(line)).filter(({ metadata }) => metadata.was_cancelled);
    expect(errors).to.have.lengthOf(34);
    for (const { error } of errors) expect(error).to.include({ code: 499, type: "RequestCancellationError" });
  });

  it("has no more requests before their first token than it was told, over all workers, and many behind it", async () => {
    const mock = await suite.mock({ ttftMs: 30, itlMs: 10 });
    const load = ["--concurrency", "12", "--prefill-concurrency", "3", "--request-count", "120"];
    const { code, stderr } = await suite.run(mock, ...load).exit();
    expect(code, stderr).to.equal(0);
    const { requests, completed, maxPrefilling, maxOpenStreams } = mock.stats();
    expect({ requests, completed, maxPrefilling }).to.deep.equal({ requests: 120, completed: 120, maxPrefilling: 3 });
    expect(maxOpenStreams).to.be.within(6, 12);
  });

  it("keeps that bound under a rate too: what finds it reached waits", async () => {
    const mock = await suite.mock({ ttftMs: 50, itlMs: 1 });
    const load = [
      "--request-rate",
      "200",
      "--arrival-pattern",
      "constant",
      "--prefill-concurrency",
      "4",
      "--request-count",
      "60",
    ];
    const args = ["run", "-m", "mock", "-u", mock.url, "--streaming", "--workers-max", "2", "--isl", "64", "--osl", "4"];
    const { code, stderr } = await suite.start([...args, ...load, "--artifact-dir", "out"]).exit();
    expect(code, stderr).to.equal(0);
    expect(mock.stats()).to.include({ requests: 60, completed: 60, maxPrefilling: 4 });
    expectReconciled(runFile(join(suite.folder, "out")), mock.stats());
  });

  it("of requests sends others while sessions think, and no more at once than it was told", async () => {
    const mock = await suite.mock({ ttftMs: 20, itlMs: 0 });
    const sessions = ["--conversation-turn-mean", "2", "--conversation-turn-delay-mean", "100", "--num-dataset-entries", "10"];
    const load = ["--concurrency", "3", "--concurrency-unit", "request", "--request-count", "180"];
    const { code, stderr } = await suite.run(mock, ...sessions, ...load).exit();
    expect(code, stderr).to.equal(0);
    expect(mock.stats()).to.include({ requests: 180, completed: 180 });
    expect(mock.stats().maxOpenStreams).to.be.at.most(3);
    const lines = readFileSync(join(suite.folder, "out/profile_export.jsonl"), "utf8").trimEnd().split("\n");
    const requests = lines.map((line) => JSON.parse(line).metadata);
    const spans = [...Map.groupBy(requests, ({ x_correlation_id }) => x_correlation_id).values()]
      .filter(({ length }) => length === 2)
      .map((turns) => [turns[0].request_start_ns, turns[1].request_end_ns] as const);
    const openAt = (ns: number): number => spans.filter(([start, end]) => start <= ns && ns < end).length;
    expect(Math.max(...spans.map(([start]) => openAt(start))), "sessions open at once").to.be.greaterThan(3);
  });
});
