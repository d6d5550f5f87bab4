import { expect } from "chai";
import type { LeaseGuard, LifeSign } from "../../../services/worker/core/lease.ts";
import { behindNs, givenUpNs, LeaseCell } from "../../../services/worker/core/lease-cell.ts";
import { Bench, type BenchWorker, conversationsOf, MS, SEC } from "./bench.ts";

/** The guard's thread, which asks when the test has it look. */
class BenchGuard implements LeaseGuard {
  readonly cell = new LeaseCell();
  asked = 0;
  #told: (LifeSign & { readonly term: number }) | undefined;

  get endNs(): number {
    return this.cell.endNs;
  }

  alive(sign: LifeSign): void {
    this.#told = { ...sign, term: this.cell.term };
    this.cell.sign(sign.now);
  }

  rest(): void {
    this.cell.rest();
  }

  void(): void {
    this.cell.void();
  }

  look({ timing, now }: Bench, workerId: string): void {
    const told = this.#told;
    if (told === undefined || !this.cell.wantsExtension(told.term, now)) return;
    this.asked++;
    if (timing.extendLease(workerId, told.incarnation, now)) this.cell.grant(told.term, now + told.leaseNs);
  }
}

function guarded(): { bench: Bench; guard: BenchGuard; worker: BenchWorker; other: BenchWorker } {
  const bench = new Bench();
  const guard = new BenchGuard();
  const worker = bench.join("W1", { guard });
  const other = bench.join("W2");
  bench.closed(2, { stop: { requestCount: 4 } });
  bench.live(100 * MS);
  return { bench, guard, worker, other };
}

/** The worker's loop is in one turn; everybody else goes on. */
function busy({ bench, guard, worker }: ReturnType<typeof guarded>, ns: number): void {
  const endNs = bench.now + ns;
  while (bench.now < endNs) {
    bench.live(250 * MS, { frozen: [worker] });
    guard.look(bench, worker.id);
  }
}

describe("a worker whose loop is in one long turn", () => {
  for (const seconds of [4, 6, 8]) {
    it(`for ${seconds} s is not lost: its requests go on, and come back`, () => {
      const place = guarded();
      const { bench, worker } = place;
      expect(worker.firedIds).to.have.length(1);
      busy(place, seconds * SEC);
      worker.core.advance(bench.now);
      expect([worker.cancelled, worker.overruns, bench.losses]).to.deep.equal([[], [], []]);
      expect(worker.core.stats().isLeaseValid).to.equal(true);
      bench.live(2 * SEC);
      worker.end(worker.firedIds[0] ?? 0);
      bench.live(SEC);
      expect(bench.losses).to.deep.equal([]);
      expect(bench.counts).to.include({ lost: 0 });
    });
  }

  it("is not asked for while it comes round, nor given new credits while it does not", () => {
    const place = guarded();
    const { bench, guard, worker, other } = place;
    bench.live(3 * SEC);
    guard.look(bench, worker.id);
    expect(guard.asked).to.equal(0);
    busy(place, 2 * SEC);
    expect(guard.asked).to.be.at.least(3);
    other.end(other.firedIds[0] ?? 0);
    busy(place, SEC);
    expect(worker.told("issue")).to.deep.equal([]);
  });

  it("for good is lost, when its own lease is over", () => {
    const place = guarded();
    const { bench, guard, worker } = place;
    busy(place, 8 * SEC);
    expect(bench.losses).to.deep.equal([]);
    busy(place, 4 * SEC);
    expect(bench.losses.map(({ workerId, reason }) => [workerId, reason])).to.deep.equal([["W1", "lease over"]]);
    expect(guard.endNs).to.be.below(bench.now);
    worker.core.advance(bench.now);
    expect(worker.cancelled).to.deep.equal([{ ids: worker.firedIds, reason: "fenced" }]);
    expect(worker.core.mayWrite(worker.firedIds[0] ?? 0)).to.equal(false);
  });

  it("is lost as ever where the whole process stands still, its guard too", () => {
    const { bench, worker } = guarded();
    bench.live(6 * SEC, { frozen: [worker] });
    expect(bench.losses).to.have.length(1);
  });

  it("that is lost all the same gets nothing by asking, and keeps nothing that it got", () => {
    const place = guarded();
    const { bench, guard, worker } = place;
    busy(place, 2 * SEC);
    expect(guard.endNs).to.be.above(bench.now);
    bench.timing.workerReaped(worker.id, bench.now);
    const { endNs } = guard;
    busy(place, SEC);
    expect(guard.endNs).to.equal(endNs);
    worker.read();
    expect(worker.fencings).to.have.length(1);
    worker.end(worker.firedIds[0] ?? 0);
    expect(guard.endNs).to.equal(Number.NEGATIVE_INFINITY);
  });

  it("does not keep timing from being rid of it", () => {
    const place = guarded();
    const { bench, worker, other } = place;
    bench.timing.cancelPhase("enough", bench.now);
    other.talk();
    other.end(other.firedIds[0] ?? 0);
    busy(place, 12 * SEC);
    expect(bench.losses.map(({ workerId }) => workerId)).to.deep.equal([worker.id]);
  });

  it("goes on with a session where it was", () => {
    const bench = new Bench();
    const guard = new BenchGuard();
    const worker = bench.join("W1", { guard });
    bench.closed(1, { stop: { sessionCount: 1 }, conversations: conversationsOf(2) });
    worker.talk();
    busy({ bench, guard, worker, other: worker }, 6 * SEC);
    worker.core.advance(bench.now);
    worker.end(worker.firedIds[0] ?? 0);
    bench.live(2 * SEC);
    expect(worker.fired.map(({ turn }) => turn)).to.deep.equal([0, 1]);
  });
});

describe("what a loop and its guard share", () => {
  it("asks for an extension while the last life sign is neither young nor too old", () => {
    const cell = new LeaseCell();
    const wants = (now: number): boolean => cell.wantsExtension(cell.term, now);
    expect(wants(10 * SEC)).to.equal(false);
    cell.sign(10 * SEC);
    expect([0, behindNs - 1, behindNs, givenUpNs, givenUpNs + 1].map((age) => wants(10 * SEC + age))).to.deep.equal([
      false,
      false,
      true,
      true,
      false,
    ]);
    cell.rest();
    expect(wants(12 * SEC)).to.equal(false);
  });

  it("holds what was granted in this term, and nothing of one that was voided", () => {
    const loop = new LeaseCell();
    const thread = new LeaseCell(loop.memory);
    const { term } = thread;
    loop.sign(SEC);
    thread.grant(term, 5 * SEC);
    expect(loop.endNs).to.equal(5 * SEC);
    loop.rest();
    expect(loop.endNs).to.equal(5 * SEC);
    loop.void();
    expect([loop.endNs, thread.wantsExtension(term, 3 * SEC)]).to.deep.equal([Number.NEGATIVE_INFINITY, false]);
    thread.grant(term, 6 * SEC);
    expect(loop.endNs).to.equal(Number.NEGATIVE_INFINITY);
  });
});
