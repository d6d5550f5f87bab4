import { expect } from "chai";
import { Bench, conversationsOf, MS, SEC } from "./bench.ts";

const seamless = { isSeamless: true, stop: { requestCount: 3 } } as const;

describe("a seamless phase", () => {
  it("lets the next one begin when it is sent; its requests keep their slots until they come back", () => {
    const bench = new Bench();
    const worker = bench.join("w-1");
    bench.closed(3, seamless);
    worker.talk();
    expect(bench.sentPhases).to.deep.equal([0]);
    bench.closed(3, { index: 1, name: "next", stop: { requestCount: 4 } });
    worker.talk();
    expect(
      worker.fired.map(({ phase }) => phase),
      "every slot is in use",
    ).to.deep.equal([0, 0, 0]);
    worker.end(1);
    worker.talk();
    expect(worker.fired.map(({ phase }) => phase)).to.deep.equal([0, 0, 0, 1]);
    expect(worker.core.stats().inFlight).to.equal(3);
    for (const id of [4, 5, 6, 7]) {
      worker.end(id);
      worker.talk();
    }
    expect(bench.sentPhases).to.deep.equal([0, 1]);
    expect(
      bench.reports.map(({ account }) => account.phase),
      "the later phase may be back first",
    ).to.deep.equal([1]);
    worker.end(2);
    worker.end(3);
    worker.talk();
    expect(bench.reports.map(({ account, counts }) => [account.phase, counts.drawn, counts.sent])).to.deep.equal([
      [1, 4, 4],
      [0, 3, 3],
    ]);
    expect(bench.violations).to.deep.equal([]);
  });

  it("has its own grace: at its end its requests are ended, and no others", () => {
    const bench = new Bench();
    const worker = bench.join("w-1");
    bench.closed(3, { ...seamless, graceNs: 2 * SEC });
    worker.talk();
    bench.closed(4, { index: 1, stop: { requestCount: 1 } });
    worker.talk();
    bench.live(SEC);
    expect(worker.cancelled).to.deep.equal([]);
    bench.live(SEC + 100 * MS);
    expect(worker.cancelled).to.deep.equal([{ ids: [1, 2, 3], reason: "grace period over" }]);
  });

  it("plays no turn more once the next one runs", () => {
    const bench = new Bench();
    const worker = bench.join("w-1");
    bench.closed(2, { ...seamless, stop: { requestCount: 2 }, conversations: conversationsOf(3) });
    worker.talk();
    bench.closed(2, { index: 1, stop: { sessionCount: 1 } });
    for (const id of [1, 2]) worker.end(id);
    worker.talk();
    worker.end(3);
    worker.talk();
    expect(worker.fired.map(({ phase, turn }) => [phase, turn])).to.deep.equal([
      [0, 0],
      [0, 0],
      [1, 0],
    ]);
    expect(bench.reports.map(({ account }) => account.phase)).to.deep.equal([0, 1]);
  });

  it("keeps its places before the first token, too", () => {
    const bench = new Bench();
    const worker = bench.join("w-1");
    bench.closed(4, { ...seamless, stop: { requestCount: 2 }, prefill: 2 });
    worker.talk();
    bench.closed(4, { index: 1, stop: { requestCount: 2 }, prefill: 2 });
    worker.talk();
    expect(worker.fired).to.have.lengthOf(2);
    worker.core.firstToken(1);
    worker.core.flushReturns();
    worker.talk();
    expect(worker.fired.map(({ phase }) => phase)).to.deep.equal([0, 0, 1]);
  });

  it("is stopped by itself, or with all others", () => {
    const bench = new Bench();
    const worker = bench.join("w-1");
    bench.closed(2, { ...seamless, stop: { requestCount: 2 } });
    worker.talk();
    bench.closed(4, { index: 1, stop: { requestCount: 100 } });
    worker.talk();
    bench.timing.cancelPhase("enough", bench.now, 0);
    worker.talk();
    expect(worker.cancelled.map(({ ids }) => ids)).to.deep.equal([[1, 2]]);
    expect(bench.sentPhases, "the other one goes on").to.deep.equal([0]);
    bench.timing.stopPhase("over", bench.now);
    worker.talk();
    expect(bench.sentPhases).to.deep.equal([0, 1]);
  });

  it("is waited for where the phase before is not seamless, or not sent", () => {
    const bench = new Bench();
    const worker = bench.join("w-1");
    bench.closed(1, { stop: { requestCount: 1 } });
    worker.talk();
    expect(() => bench.closed(1, { index: 1, name: "next" })).to.throw("phase next cannot start: phase profiling is sent");
    worker.end(1);
    worker.talk();
    bench.closed(1, { index: 1, ...seamless });
    expect(() => bench.closed(1, { index: 2, name: "next" })).to.throw("phase next cannot start: phase profiling is issuing");
  });

  it("loses a worker's requests of both phases, each in its own account", () => {
    const bench = new Bench();
    const worker = bench.join("w-1");
    bench.closed(4, { ...seamless, stop: { requestCount: 2 } });
    worker.talk();
    bench.closed(4, { index: 1, stop: { requestCount: 2 } });
    worker.talk();
    expect(worker.fired).to.have.lengthOf(4);
    bench.timing.workerReaped("w-1", bench.now);
    expect(bench.reports.map(({ account, counts }) => [account.phase, counts.lost])).to.deep.equal([
      [0, 2],
      [1, 2],
    ]);
  });
});
