import { readFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { expect } from "chai";
import { endsWithinMs, expectReconciled, runFile, useStage } from "../support/suite.ts";

interface Sent {
  readonly sent_ns: number;
  readonly end_ns: number;
  readonly first_content_ns: number;
}

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

  it("rises with its ramps: never more at once, or before their first token, than the ramp has come to", async () => {
    const mock = await suite.mock({ ttftMs: 30, itlMs: 2 });
    const ramps = ["--concurrency-ramp-duration", "1.5", "--prefill-concurrency-ramp-duration", "1"];
    const load = ["--concurrency", "8", "--prefill-concurrency", "4", "--benchmark-duration", "3"];
    const { code, stderr } = await suite.run(mock, ...load, ...ramps).exit();
    expect(code, stderr).to.equal(0);
    const db = new Database(join(suite.folder, "out/run.db"), { readonly: true });
    const beganNs = db.prepare("SELECT started_ns FROM phases").pluck().get() as number;
    const rows = db.prepare("SELECT sent_ns, end_ns, first_content_ns FROM requests").all() as readonly Sent[];
    db.close();
    for (const { sent_ns: sentNs } of rows) {
      const under = rows.filter((other) => other.sent_ns <= sentNs && other.sent_ns + other.end_ns > sentNs);
      const waiting = under.filter((other) => other.sent_ns + other.first_content_ns > sentNs);
      const sec = (sentNs - beganNs) / 1e9;
      expect(under.length, `at ${sec} s`).to.be.at.most(1 + Math.min(7, Math.floor((7 * sec) / 1.5)));
      expect(waiting.length, `before their first token at ${sec} s`).to.be.at.most(1 + Math.min(3, Math.floor(3 * sec)));
    }
    const { maxPrefilling, maxOpenStreams } = mock.stats();
    expect({ maxPrefilling, maxOpenStreams }).to.deep.equal({ maxPrefilling: 4, maxOpenStreams: 8 });
    expectReconciled(runFile(join(suite.folder, "out")), mock.stats());
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
