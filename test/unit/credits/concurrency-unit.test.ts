import { expect } from "chai";
import type { PhaseSpec } from "../../../services/timing/core/phase.ts";
import { Bench, type BenchWorker, MS, SEC } from "./bench.ts";

const THINK_NS = 10 * SEC;

function played(unit: "session" | "request", phase: Partial<PhaseSpec> = {}, concurrency = 1) {
  const bench = new Bench();
  const worker = bench.join("w-1");
  bench.start({
    load: { kind: "closed", concurrency, unit },
    conversations: {
      isMultiTurn: true,
      draw: (session) => ({ conversation: session, turns: 2 }),
      delayNs: () => THINK_NS,
    },
    ...phase,
  });
  worker.talk();
  return { bench, worker };
}

const turnsOf = ({ fired }: BenchWorker) => fired.map(({ sessionId, turn }) => `${sessionId}.${turn}`);

function endLast(worker: BenchWorker): void {
  worker.end(worker.fired.at(-1)?.id ?? 0);
  worker.talk();
}

describe("what concurrency counts", () => {
  it("is a session, which keeps its place while it thinks", () => {
    const { bench, worker } = played("session", { stop: { sessionCount: 2 } });
    endLast(worker);
    bench.live(THINK_NS - 100 * MS);
    expect(turnsOf(worker)).to.deep.equal(["0.0"]);
    bench.live(200 * MS);
    expect(turnsOf(worker)).to.deep.equal(["0.0", "0.1"]);
    endLast(worker);
    expect(turnsOf(worker)).to.deep.equal(["0.0", "0.1", "1.0"]);
  });

  it("or is a request: a session that thinks makes place for another, and goes on before a new one begins", () => {
    const { bench, worker } = played("request", { stop: { sessionCount: 4 } });
    endLast(worker);
    expect(turnsOf(worker), "while session 0 thinks").to.deep.equal(["0.0", "1.0"]);
    bench.live(THINK_NS + 100 * MS);
    expect(worker.core.stats().inFlight).to.equal(1);
    endLast(worker);
    expect(turnsOf(worker), "though two more sessions are on standby").to.deep.equal(["0.0", "1.0", "0.1"]);
    endLast(worker);
    expect(turnsOf(worker).at(-1)).to.equal("2.0");
  });

  it("is counted exactly at the stop, sessions that think or are on standby included", () => {
    for (const unit of ["session", "request"] as const) {
      const { bench, worker } = played(unit, { stop: { requestCount: 25 } }, 3);
      for (let turn = 0; bench.reports.length === 0 && turn < 200; turn++) {
        for (const id of worker.firedIds.slice(-3)) worker.end(id);
        worker.talk();
        bench.live(SEC);
      }
      expect(worker.fired, unit).to.have.lengthOf(25);
      expect(bench.reports[0]?.counts, unit).to.include({ sent: 25, issued: 0, lost: 0, dropped: 0 });
    }
  });

  it("keeps the turns of a session on its worker, whoever has a place free", () => {
    const { bench, worker: first } = played("request", { stop: { sessionCount: 12 } }, 2);
    const second = bench.join("w-2");
    for (let turn = 0; bench.reports.length === 0 && turn < 200; turn++) {
      for (const worker of [first, second]) {
        for (const id of worker.firedIds.slice(-2)) worker.end(id);
        worker.talk();
      }
      bench.live(SEC);
    }
    const sessions = (worker: BenchWorker) => new Set(worker.fired.map(({ sessionId }) => sessionId));
    expect(first.fired.length + second.fired.length).to.equal(24);
    expect([...sessions(first)].filter((session) => sessions(second).has(session))).to.deep.equal([]);
    expect(sessions(second).size).to.be.greaterThan(0);
  });
});
