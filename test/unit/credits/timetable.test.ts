import { expect } from "chai";
import type { LaterDue, Load, PlaceHolder } from "../../../services/timing/core/phase.ts";
import { Bench, conversationsOf, MS } from "./bench.ts";

/** Sessions that begin at these times, ms after the start; a later turn is due 100 ms after the one before was, or when that returned. */
function timetable(startsMs: readonly number[], concurrency = Number.POSITIVE_INFINITY, unit: PlaceHolder = "session"): Load {
  let next = 0;
  const laterDueNs: LaterDue = ({ dueNs }, { returnedNs }) => Math.max(returnedNs, dueNs + 100 * MS);
  const pacer = { nextDueNs: () => (startsMs[next++] ?? Number.POSITIVE_INFINITY) * MS };
  return { kind: "timetable", pacer, laterDueNs, concurrency, unit };
}

function sessionsOf(count: number, turns: number) {
  const { draw } = conversationsOf(turns);
  return { isMultiTurn: turns > 1, draw: (session: number) => (session < count ? draw(session) : undefined) };
}

describe("a timetable", () => {
  it("begins sessions at their times, issued ahead, and ends by itself", () => {
    const bench = new Bench();
    const worker = bench.join("W");
    const startNs = bench.now;
    bench.start({ load: timetable([0, 10, 900]), stop: {}, conversations: sessionsOf(3, 1) });
    worker.talk();
    const { held, inFlight } = worker.core.stats();
    expect([held, inFlight]).to.deep.equal([1, 1]);
    bench.live(1_000 * MS);
    expect(worker.fired.map(({ dueNs }) => (dueNs - startNs) / MS)).to.deep.equal([0, 10, 900]);
    for (const id of worker.firedIds) worker.end(id);
    bench.live(100 * MS);
    expect(bench.reports[0]).to.deep.include({ stopReason: undefined, abandonedTurns: 0 });
    expect(bench.reports[0]?.counts).to.include({ drawn: 3, sent: 3 });
  });

  it("has later turns due by themselves, at their own time or when the answer has come, on the worker of their session", () => {
    const bench = new Bench();
    const workers = [bench.join("W1"), bench.join("W2")];
    const startNs = bench.now;
    bench.start({ load: timetable([0, 0]), stop: {}, conversations: sessionsOf(2, 2) });
    for (const worker of workers) worker.talk();
    const [quick, slow] = workers.map((worker) => worker.fired[0]);
    expect([quick?.turn, slow?.turn]).to.deep.equal([0, 0]);
    workers[0]?.end(quick?.id ?? 0);
    bench.live(150 * MS);
    workers[1]?.end(slow?.id ?? 0);
    workers[1]?.talk();
    bench.live(150 * MS);
    const later = workers.map((worker) => worker.fired[1]);
    expect(later.map((credit) => [credit?.sessionId, credit?.turn])).to.deep.equal([
      [quick?.sessionId, 1],
      [slow?.sessionId, 1],
    ]);
    expect(later.map((credit) => ((credit?.dueNs ?? 0) - startNs) / MS)).to.deep.equal([100, 150]);
    // Nothing took the place of another: all that there is has been sent.
    expect(bench.counts).to.include({ drawn: 4, sent: 2, issued: 2 });
  });

  it("issues a later turn ahead, so that its worker keeps its time", () => {
    const bench = new Bench();
    const worker = bench.join("W");
    bench.start({ load: timetable([0]), stop: {}, conversations: sessionsOf(1, 2) });
    worker.talk();
    worker.end(1);
    worker.talk();
    expect(worker.core.stats().held).to.equal(1);
    expect(worker.core.nextWakeNs() - bench.now).to.be.at.most(100 * MS);
  });

  it("with a ceiling lets what is due wait for a place, sessions holding theirs between two turns, and counts it", () => {
    const bench = new Bench();
    const worker = bench.join("W");
    bench.start({ load: timetable([0, 10], 1), stop: {}, conversations: sessionsOf(2, 2) });
    worker.talk();
    bench.live(50 * MS);
    worker.end(1);
    bench.live(100 * MS);
    expect(worker.fired.map(({ sessionId, turn }) => [sessionId, turn])).to.deep.equal([
      [0, 0],
      [0, 1],
    ]);
    worker.end(2);
    bench.live(50 * MS);
    expect(worker.fired.map(({ sessionId, turn }) => [sessionId, turn]).at(-1)).to.deep.equal([1, 0]);
    worker.end(3);
    bench.live(200 * MS);
    worker.end(4);
    bench.live(50 * MS);
    expect(bench.reports[0]).to.include({ queued: 1 });
  });

  it("with a ceiling of requests counts later turns that waited for a place, and none that had it at once", () => {
    const bench = new Bench();
    const worker = bench.join("W");
    bench.start({ load: timetable([0, 50], 1, "request"), stop: {}, conversations: sessionsOf(2, 4) });
    const endAfter = (ns: number): string => {
      bench.live(ns);
      worker.end(worker.firedIds.at(-1) ?? 0);
      worker.talk();
      return worker.fired.map(({ sessionId, turn }) => `${sessionId}.${turn}`).join(" ");
    };
    worker.talk();
    // Session 1 waits from 50 to 80; turn 0.1 is due at 100, and waits until 180; turn 1.1 is due then, and waits until 280.
    expect(endAfter(80 * MS)).to.equal("0.0 1.0");
    expect(endAfter(100 * MS)).to.equal("0.0 1.0 0.1");
    expect(endAfter(100 * MS)).to.equal("0.0 1.0 0.1 1.1");
    // Turn 0.2 is due at 280, and waits until 320; turn 1.2 is due then, and waits until 330.
    expect(endAfter(40 * MS)).to.equal("0.0 1.0 0.1 1.1 0.2");
    expect(endAfter(10 * MS)).to.equal("0.0 1.0 0.1 1.1 0.2 1.2");
    // The last ones are due at 380 and 420, and find the place free.
    for (const ns of [10 * MS, 60 * MS, 50 * MS]) endAfter(ns);
    bench.live(50 * MS);
    expect(bench.reports.map(({ queued, counts }) => [queued, counts.sent])).to.deep.equal([[5, 8]]);
  });

  it("counts what a lost worker leaves unplayed, and goes on with the others", () => {
    const bench = new Bench();
    const [one, other] = [bench.join("W1"), bench.join("W2")];
    bench.start({ load: timetable([0, 0]), stop: {}, conversations: sessionsOf(2, 3) });
    one.talk();
    other.talk();
    bench.timing.workerReaped("W1", bench.now);
    for (let turn = 0; turn < 3; turn++) {
      other.end(other.firedIds.at(-1) ?? 0);
      bench.live(150 * MS, { silent: [one] });
    }
    expect(bench.reports[0]).to.include({ abandonedTurns: 2, abandonedSessions: 1 });
    expect(bench.reports[0]?.counts).to.include({ sent: 3, lost: 1, dropped: 0 });
  });

  it("sends nothing that is due at the end of a duration or after it", () => {
    const bench = new Bench();
    const worker = bench.join("W");
    bench.start({ load: timetable([0, 150, 200]), stop: { durationNs: 200 * MS }, conversations: sessionsOf(3, 2), graceNs: 0 });
    bench.live(50 * MS);
    worker.end(1);
    bench.live(1_000 * MS);
    expect(worker.fired.map(({ sessionId, turn }) => [sessionId, turn])).to.deep.equal([
      [0, 0],
      [0, 1],
      [1, 0],
    ]);
  });

  it("stops at a count, turns and sessions together", () => {
    const bench = new Bench();
    const worker = bench.join("W");
    bench.start({ load: timetable([0, 10, 20]), stop: { requestCount: 4 }, conversations: sessionsOf(3, 2) });
    for (let round = 0; round < 10; round++) {
      bench.live(50 * MS);
      for (const id of worker.firedIds.slice(worker.core.stats().inFlight * -1)) worker.end(id);
    }
    expect(worker.fired).to.have.lengthOf(4);
    expect(bench.reports[0]?.counts).to.include({ sent: 4 });
  });
});
