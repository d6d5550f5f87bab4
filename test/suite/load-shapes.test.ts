/** What a load by rate puts on the wire: from send stamps of several workers, and the built-in server's counts. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { expect } from "chai";
import { endsWithinMs, expectReconciled, runFile, useStage } from "../support/suite.ts";

interface Sent {
  readonly worker_id: string;
  readonly due_ns: number;
  readonly sent_ns: number;
}

/** In the order of their due times. */
function sentIn(folder: string): Sent[] {
  const db = new Database(join(folder, "run.db"), { readonly: true });
  try {
    return db.prepare("SELECT worker_id, due_ns, sent_ns FROM requests ORDER BY due_ns, credit_id").all() as Sent[];
  } finally {
    db.close();
  }
}

/** How many fall into each of `windows` windows of this width. */
function countsOf(times: readonly number[], startNs: number, widthNs: number, windows: number): number[] {
  const counts = new Array<number>(windows).fill(0);
  for (const time of times) {
    const at = Math.floor((time - startNs) / widthNs);
    if (at >= 0 && at < windows) counts[at] = (counts[at] ?? 0) + 1;
  }
  return counts;
}

/** Variance over mean, and the correlation of each with the next. */
function shapeOf(counts: readonly number[]): { readonly dispersion: number; readonly correlation: number } {
  const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length;
  const off = counts.map((count) => count - mean);
  const squares = off.reduce((sum, value) => sum + value ** 2, 0);
  const products = off.slice(1).reduce((sum, value, index) => sum + value * (off[index] ?? 0), 0);
  return { dispersion: squares / counts.length / mean, correlation: products / squares };
}

describe("a load by rate", function () {
  this.timeout(3 * endsWithinMs);
  const suite = useStage();

  const start = (url: string, ...args: readonly string[]) =>
    suite.start([
      ...["run", "-m", "mock", "-u", url, "--workers-max", "2", "--isl", "16", "--osl", "4", "--no-gpu-telemetry"],
      ...["--random-seed", "4", "--artifact-dir", "out", "--json", "--quiet", ...args],
    ]);

  const play = async (url: string, ...args: readonly string[]) => {
    const { code, stdout, stderr } = await start(url, ...args).exit();
    expect(code, stderr).to.equal(0);
    return JSON.parse(stdout).phases[0];
  };

  it("of Poisson arrivals is still one when two workers send it, on the schedule of its seed whatever their number", async () => {
    const mock = await suite.mock({ ttftMs: 1, itlMs: 0 });
    await play(mock.url, "--request-rate", "400", "--benchmark-duration", "3");
    const both = sentIn(join(suite.folder, "out"));
    expect(new Set(both.map(({ worker_id }) => worker_id)).size).to.equal(2);
    const startNs = both[0]?.due_ns ?? 0;
    const shape = (times: readonly number[]) => shapeOf(countsOf(times, startNs, 50e6, 59));
    // Of a Poisson process 1 ± 0.19 and 0 ± 0.13; of a grid 0, of bunches of four 4.
    const dueShape = shape(both.map(({ due_ns }) => due_ns));
    expect(dueShape.dispersion, "index of dispersion of the schedule").to.be.within(0.6, 1.4);
    expect(Math.abs(dueShape.correlation), "autocorrelation of the schedule").to.be.below(0.3);

    await play(mock.url, "--request-rate", "400", "--benchmark-duration", "1", "--workers-max", "1", "--artifact-dir", "one");
    const one = sentIn(join(suite.folder, "one"));
    expect(one.length).to.be.above(300);
    for (const [index, { due_ns }] of one.entries()) {
      const other = (both[index]?.due_ns ?? 0) - startNs;
      expect(due_ns - (one[0]?.due_ns ?? 0), `arrival ${index}`).to.be.closeTo(other, 10);
    }

    // What stands still for a while bunches what it sends: the bins are wide beside the longest standstill, so that the shape survives it.
    // A machine so busy that less than six of them fit says nothing of shapes.
    const lateNs = Math.max(...both.map(({ due_ns, sent_ns }) => sent_ns - due_ns));
    const bins = Math.min(59, Math.floor(2.95e9 / (20 * lateNs)));
    if (bins < 6) return;
    const wide = (times: readonly number[]) => shapeOf(countsOf(times, startNs, 2.95e9 / bins, bins)).dispersion;
    const scheduled = wide(both.map(({ due_ns }) => due_ns));
    expect(wide(both.map(({ sent_ns }) => sent_ns)), "index of dispersion of the stamps").to.be.closeTo(scheduled, 0.5);
  });

  it("of gamma arrivals is as even as its smoothness says, at the server, too", async () => {
    const mock = await suite.mock({ ttftMs: 1, itlMs: 0 });
    const even = ["--arrival-pattern", "gamma", "--arrival-smoothness", "16"];
    const { identity } = await play(mock.url, "--request-rate", "200", ...even, "--request-count", "400");
    expect(identity).to.include({ drawn: 400, succeeded: 400, dropped: 0 });
    const sent = sentIn(join(suite.folder, "out"));
    const gaps = sent.slice(1).map(({ due_ns: dueNs }, index) => (dueNs - (sent[index]?.due_ns ?? 0)) / 1e6);
    const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
    const deviation = Math.sqrt(gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length);
    // Of shape 16 they vary by a quarter of their mean; Poisson arrivals by all of it. Three standard errors of 399 gaps.
    expect(mean).to.be.closeTo(5, (3 * 1.25) / Math.sqrt(gaps.length));
    expect(deviation / mean).to.be.closeTo(0.25, (3 * 0.25) / Math.sqrt(2 * gaps.length));
    expect(sent.every(({ due_ns: dueNs, sent_ns: sentNs }) => sentNs >= dueNs)).to.equal(true);
    expectReconciled(runFile(join(suite.folder, "out")), mock.stats());
  });

  it("that is as much at once as may be keeps its ceiling full, and never above it", async () => {
    const mock = await suite.mock({ ttftMs: 40, itlMs: 0 });
    const burst = ["--arrival-pattern", "concurrency_burst", "--concurrency", "5"];
    const { identity } = await play(mock.url, ...burst, "--request-count", "40");
    // What one worker hands back for another to send is drawn twice.
    expect(identity).to.include({ drawn: 40 + identity.unused, succeeded: 40, dropped: 0 });
    expect(mock.stats()).to.include({ requests: 40, completed: 40, maxOpenStreams: 5 });
    expectReconciled(runFile(join(suite.folder, "out")), mock.stats());
  });

  it("comes in bursts, and says of those that took longer than 1 ms", async () => {
    const mock = await suite.mock({ ttftMs: 5, itlMs: 0 });
    const phase = await play(mock.url, "--burst-size", "20", "--burst-interval", "0.3", "--request-count", "60");
    expect(mock.stats().requests).to.equal(60);
    const bursts = [...Map.groupBy(sentIn(join(suite.folder, "out")), ({ due_ns }) => due_ns).values()];
    expect(bursts.map(({ length }) => length)).to.deep.equal([20, 20, 20]);
    const spreads = bursts.map((sent) => {
      const times = sent.map(({ sent_ns }) => sent_ns);
      return (Math.max(...times) - Math.min(...times)) / 1e6;
    });
    const wide = spreads.filter((spread) => spread > 1).length;
    const notes = phase.notes.filter((note: string) => note.includes("bursts took longer than 1 ms"));
    expect(notes.map((note: string) => note.split(" of ")[0])).to.deep.equal(wide === 0 ? [] : [`${wide}`]);
  });

  it("above its ceiling drops what finds no place, and counts it", async () => {
    const mock = await suite.mock({ ttftMs: 300, itlMs: 0 });
    const args = ["--request-rate", "50", "--arrival-pattern", "constant", "--concurrency", "4", "--overload", "drop"];
    const { identity } = await play(mock.url, ...args, "--benchmark-duration", "2");
    expect(identity.dropped).to.be.above(50);
    expect(identity.succeeded).to.equal(mock.stats().requests);
    // One that was issued in the last moment may have been called back.
    expect(identity.dropped + identity.succeeded).to.be.within(99, 100);
    expect(mock.stats().maxOpenStreams).to.be.at.most(4);
    expectReconciled(runFile(join(suite.folder, "out")), mock.stats());
  });

  it("above its ceiling queues what finds no place: all of it is sent, and its wait is told", async () => {
    const mock = await suite.mock({ ttftMs: 50, itlMs: 0 });
    const args = ["--request-rate", "100", "--arrival-pattern", "constant", "--concurrency", "2", "--request-count", "40"];
    const { identity } = await play(mock.url, ...args);
    expect(identity).to.include({ drawn: 40, succeeded: 40, dropped: 0 });
    expect(identity.queued).to.be.within(30, 38);
    expect(mock.stats().maxOpenStreams).to.be.at.most(2);
    const last = sentIn(join(suite.folder, "out")).at(-1);
    expect(((last?.sent_ns ?? 0) - (last?.due_ns ?? 0)) / 1e6).to.be.above(300);
    const times = sentIn(join(suite.folder, "out"));
    expect(times.every(({ due_ns, sent_ns }) => sent_ns >= due_ns)).to.equal(true);
  });

  it("sends nothing before it is due, and everything, with precise pacing", async () => {
    const mock = await suite.mock({ ttftMs: 1, itlMs: 0 });
    const phase = await play(mock.url, "--request-rate", "300", "--benchmark-duration", "1", "--pacing", "precise");
    const sent = sentIn(join(suite.folder, "out"));
    expect(phase.identity).to.include({ succeeded: sent.length, errored: 0 });
    expect(sent.length).to.be.above(200);
    expect(sent.filter(({ due_ns, sent_ns }) => sent_ns < due_ns)).to.deep.equal([]);
    expectReconciled(runFile(join(suite.folder, "out")), mock.stats());
  });

  it("rises with its ramp, without steps", async () => {
    const mock = await suite.mock({ ttftMs: 1, itlMs: 0 });
    const args = ["--request-rate", "100", "--arrival-pattern", "constant", "--request-rate-ramp-duration", "2"];
    await play(mock.url, ...args, "--benchmark-duration", "2");
    const sent = sentIn(join(suite.folder, "out"));
    const dues = sent.map(({ due_ns }) => (due_ns - (sent[0]?.due_ns ?? 0)) / 1e9);
    // From 5 to 100 per second in 2 s: 5 t + 95 t² / 4 requests by t.
    expect(sent.length).to.be.within(104, 106);
    for (const [n, due] of dues.entries()) expect(5 * due + (95 * due ** 2) / 4).to.be.closeTo(n, 1e-3);
  });

  it("follows the points of a file, which is refused with line and column where it is wrong", async () => {
    const mock = await suite.mock({ ttftMs: 1, itlMs: 0 });
    const points = [
      { time_s: 0, qps: 20 },
      { time_s: 1, qps: 20 },
      { time_s: 1, qps: 200 },
    ];
    writeFileSync(join(suite.folder, "rate.json"), JSON.stringify({ points }));
    writeFileSync(join(suite.folder, "wrong.json"), '{"points": [\n  {"time_s": 0, "qps": "many"}]}');
    const args = ["--request-rate-series", "rate.json", "--arrival-pattern", "constant", "--benchmark-duration", "2"];
    await play(mock.url, ...args);
    const sent = sentIn(join(suite.folder, "out"));
    const dues = sent.map(({ due_ns }) => (due_ns - (sent[0]?.due_ns ?? 0)) / 1e9);
    expect(dues.filter((due) => due < 0.999).length).to.equal(20);
    expect(sent.length).to.be.within(219, 221);

    const { code, stderr } = await start(mock.url, "--request-rate-series", "wrong.json").exit();
    expect(code).to.equal(2);
    expect(stderr).to.include('wrong.json:2:24: points[0].qps: expected a number of at least 0, got "many"');
  });
});
