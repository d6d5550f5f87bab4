import { expect } from "chai";
import { burstPacer } from "../../../../services/timing/core/pacers/bursts.ts";
import { constantPacer } from "../../../../services/timing/core/pacers/constant.ts";
import type { LaterDue } from "../../../../services/timing/core/phase.ts";
import { rateCurve, steady } from "../../../../services/timing/core/rate-curve.ts";
import { Bench, MS, SEC } from "../../credits/bench.ts";

const rate = (perSec: number) => ({
  load: { kind: "open", pacer: constantPacer(perSec) } as const,
  stop: { durationNs: 60 * SEC },
});

/** When requests were due, in ms after the start of the phase; those of one moment once. */
function duesOf(fired: readonly { readonly dueNs: number }[], startNs: number): number[] {
  return [...new Set(fired.map(({ dueNs }) => Math.round((dueNs - startNs) / MS)))];
}

describe("the load of a phase under way", () => {
  it("takes another rate from now on: what was issued ahead comes back and leaves at its new time, nothing twice", () => {
    const bench = new Bench();
    const startNs = bench.now;
    const worker = bench.join("W1");
    bench.start(rate(10));
    bench.live(450 * MS);
    bench.timing.adjustPhase({ phase: 0, ratePerSec: 100 }, bench.now);
    worker.talk();
    bench.live(50 * MS);
    // At 450 ms half of a gap was over: the other half takes 5 ms.
    expect(duesOf(worker.fired, startNs)).to.deep.equal([0, 100, 200, 300, 400, 455, 465, 475, 485, 495]);
    bench.timing.adjustPhase({ phase: 0, ratePerSec: 1 }, bench.now);
    worker.talk();
    bench.live(2 * SEC);
    expect(duesOf(worker.fired, startNs).slice(10)).to.deep.equal([1000, 2000]);
    const { index } = worker.fired.at(-1)!;
    expect(worker.fired.map((credit) => credit.index).sort((a, b) => a - b)).to.deep.equal([...Array(index + 1).keys()]);
  });

  it("takes another rate before its time has begun: from its first moment on", () => {
    const bench = new Bench();
    const worker = bench.join("W1");
    const startNs = bench.startInTime(rate(10));
    expect(startNs).to.be.greaterThan(bench.now);
    bench.live(50 * MS);
    bench.timing.adjustPhase({ phase: 0, ratePerSec: 100 }, bench.now);
    worker.talk();
    bench.live(startNs + 45 * MS - bench.now);
    expect(duesOf(worker.fired, startNs)).to.deep.equal([0, 10, 20, 30, 40]);
  });

  it("keeps what comes back far ahead of its time until it is near", () => {
    const bench = new Bench();
    const worker = bench.join("W1");
    bench.start(rate(100));
    worker.talk();
    bench.timing.adjustPhase({ phase: 0, ratePerSec: 1 }, bench.now);
    bench.live(100 * MS);
    expect(worker.core.stats().held).to.be.at.most(1);
  });

  it("stands still while it is paused, and goes on where it was", () => {
    const bench = new Bench();
    const startNs = bench.now;
    const worker = bench.join("W1");
    bench.start(rate(10));
    bench.live(250 * MS);
    bench.timing.adjustPhase({ phase: 0, isPaused: true }, bench.now);
    worker.talk();
    bench.live(SEC);
    expect(worker.fired).to.have.length(3);
    expect(worker.core.stats().held).to.equal(0);
    // Again, and another rate meanwhile: it counts from where the schedule stands.
    bench.timing.adjustPhase({ phase: 0, isPaused: true, ratePerSec: 20 }, bench.now);
    bench.timing.adjustPhase({ phase: 0, isPaused: false }, bench.now);
    worker.talk();
    bench.live(150 * MS);
    expect(duesOf(worker.fired, startNs)).to.deep.equal([0, 100, 200, 1275, 1325, 1375]);
  });

  it("of a timetable stands still with the later turns of its sessions, whenever the ones before have come back", () => {
    const bench = new Bench();
    const startNs = bench.now;
    const worker = bench.join("W1");
    const times = [0, 0, 0, Number.POSITIVE_INFINITY];
    const pacer = { nextDueNs: () => times.shift() ?? Number.POSITIVE_INFINITY };
    // Sessions 0 and 1 have their second turn at 1 s, session 2 at 100 ms.
    const laterDueNs: LaterDue = ({ conversation }, { startNs: zeroNs, returnedNs }) =>
      Math.max(returnedNs, zeroNs + (conversation === 2 ? 100 * MS : SEC));
    const draw = (session: number) => (session < 3 ? { conversation: session, turns: 2 } : undefined);
    const load = { kind: "timetable", pacer, laterDueNs, concurrency: Number.POSITIVE_INFINITY } as const;
    bench.start({ load, stop: {}, conversations: { isMultiTurn: true, draw } });
    worker.talk();
    const end = (session: number): void => worker.end(worker.fired.find(({ sessionId }) => sessionId === session)?.id ?? 0);
    end(0);
    bench.live(200 * MS);
    bench.timing.adjustPhase({ phase: 0, isPaused: true }, bench.now);
    bench.live(SEC);
    end(1);
    end(2);
    bench.live(4 * SEC);
    bench.timing.adjustPhase({ phase: 0, isPaused: false }, bench.now);
    bench.live(2 * SEC);
    const later = worker.fired.filter(({ turn }) => turn === 1);
    expect(later.map(({ sessionId, dueNs }) => [sessionId, Math.round((dueNs - startNs) / MS)])).to.have.deep.members([
      [0, 6000],
      [1, 6000],
      [2, 5200],
    ]);
  });

  it("says which rate is asked for now, and none while it is paused, over, or of a closed loop or bursts", () => {
    const bench = new Bench();
    bench.join("W1");
    const asked = () => bench.timing.stats().phases.at(-1)?.askedPerSec;
    bench.start(rate(10));
    expect(asked()).to.equal(10);
    bench.timing.adjustPhase({ phase: 0, isPaused: true, ratePerSec: 20 }, bench.now);
    expect(asked()).to.equal(undefined);
    bench.timing.adjustPhase({ phase: 0, isPaused: false }, bench.now);
    bench.live(50 * MS);
    expect(asked()).to.equal(20);
    bench.timing.cancelPhase("enough", bench.now);
    expect(asked()).to.equal(undefined);
    for (const load of [
      { kind: "closed", concurrency: 2 },
      { kind: "open", pacer: burstPacer(10, 5) },
    ] as const) {
      const other = new Bench();
      other.start({ load });
      expect(other.timing.stats().phases[0]?.askedPerSec, load.kind).to.equal(undefined);
    }
  });

  it("follows a rate that rises, by a clock that stands still with it", () => {
    const bench = new Bench();
    bench.join("W1");
    const rising = rateCurve([{ durationNs: 10 * SEC, fromPerSec: 0, toPerSec: 100, shape: "linear" }, steady(100)]);
    bench.start({ load: { kind: "open", pacer: constantPacer(rising) }, stop: { durationNs: 60 * SEC } });
    bench.live(2 * SEC);
    bench.timing.adjustPhase({ phase: 0, isPaused: true }, bench.now);
    bench.live(5 * SEC);
    bench.timing.adjustPhase({ phase: 0, isPaused: false }, bench.now);
    bench.live(SEC);
    expect(bench.timing.stats().phases[0]?.askedPerSec).to.equal(30);
  });

  it("of a closed loop is paused and goes on without losing a turn", () => {
    const bench = new Bench();
    const worker = bench.join("W1");
    bench.closed(2, { stop: { requestCount: 20 } });
    worker.talk();
    bench.timing.adjustPhase({ phase: 0, isPaused: true }, bench.now);
    worker.talk();
    for (const id of worker.firedIds) worker.end(id);
    worker.talk();
    expect([worker.fired.length, worker.core.stats().held]).to.deep.equal([2, 0]);
    expect(bench.reports).to.deep.equal([]);
    bench.timing.adjustPhase({ phase: 0, isPaused: false }, bench.now);
    for (let done = 2; done < 20; done = worker.fired.length) {
      worker.talk();
      for (const id of worker.firedIds) worker.end(id);
    }
    for (const id of worker.firedIds) worker.end(id);
    worker.talk();
    expect(worker.fired.map(({ index }) => index).sort((a, b) => a - b)).to.deep.equal([...Array(20).keys()]);
    expect(bench.reports[0]?.counts).to.include({ sent: 20, lost: 0 });
  });

  it("stops while it is paused without dropping what was not due meanwhile", () => {
    const bench = new Bench();
    bench.join("W1");
    bench.start(rate(10));
    bench.live(250 * MS);
    bench.timing.adjustPhase({ phase: 0, isPaused: true }, bench.now);
    bench.live(SEC);
    bench.timing.stopPhase("user", bench.now);
    bench.live(100 * MS);
    expect(bench.counts.dropped).to.equal(0);
  });

  it("takes other prefill slots", () => {
    const bench = new Bench();
    const worker = bench.join("W1");
    bench.closed(9, { stop: { requestCount: 9 }, prefill: 1 });
    worker.talk();
    bench.timing.adjustPhase({ phase: 0, prefill: 4 }, bench.now);
    worker.talk();
    expect(worker.fired).to.have.length(4);
  });

  it("is refused, and stays as it is, where it does not fit", () => {
    const bench = new Bench();
    const refused = (change: object) => () => bench.timing.adjustPhase({ phase: 0, ...change }, bench.now);
    expect(refused({ concurrency: 1 })).to.throw("phase 0 cannot be changed: no phase has begun");
    bench.join("W1");
    bench.start(rate(10));
    expect(refused({})).to.throw("nothing is to be changed");
    expect(refused({ concurrency: 2 })).to.throw("phase profiling has no concurrency to be changed");
    expect(refused({ prefill: 2 })).to.throw("phase profiling has no prefill concurrency to be changed");
    expect(refused({ ratePerSec: 0 })).to.throw("rate_per_sec must be above 0, got 0");
    expect(refused({ ratePerSec: 2e6 })).to.throw("rate_per_sec must be at most 1000000, got 2000000");
    expect(refused({ concurrency: 4e9 })).to.throw("concurrency must be at most 1000000, got 4000000000");
    expect(refused({ phase: 1, ratePerSec: 1 })).to.throw("phase 1 cannot be changed: phase 0 (profiling) is under way");
    bench.timing.stopPhase("user", bench.now);
    expect(refused({ ratePerSec: 1 })).to.throw("phase 0 cannot be changed: phase profiling is ");
    const closed = new Bench();
    closed.closed(2);
    expect(() => closed.timing.adjustPhase({ phase: 0, ratePerSec: 1 }, closed.now)).to.throw("phase profiling has no rate");
    expect(() => closed.timing.adjustPhase({ phase: 0, concurrency: 1.5 }, closed.now)).to.throw("at least 0, got 1.5");
  });
});
