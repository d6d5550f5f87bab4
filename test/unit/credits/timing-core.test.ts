import { expect } from "chai";
import fc from "fast-check";
import type { Credit } from "../../../services/common/credits.ts";
import { UNLIMITED_SLOTS } from "../../../services/common/credits.ts";
import { randomStream } from "../../../services/common/random.ts";
import { type Draft, Ledger } from "../../../services/timing/core/ledger.ts";
import { constantPacer } from "../../../services/timing/core/pacers/constant.ts";
import { poissonPacer } from "../../../services/timing/core/pacers/poisson.ts";
import { PhaseDraws, type PhaseSpec } from "../../../services/timing/core/phase.ts";
import { PhaseRun } from "../../../services/timing/core/phase-run.ts";
import { PrefillSlots } from "../../../services/timing/core/prefill-slots.ts";
import { planTailRecall } from "../../../services/timing/core/recall.ts";
import { WaitingSessions } from "../../../services/timing/core/sessions.ts";
import { distributeSlots, WorkerSlots } from "../../../services/timing/core/slots.ts";
import { planStandby, Standby } from "../../../services/timing/core/standby.ts";
import { TargetLoads } from "../../../services/timing/core/targets.ts";
import { Bench, type BenchWorker, conversationsOf, MS, SEC } from "./bench.ts";

const draft = (over: Partial<Credit> = {}): Draft => ({
  id: 0,
  phase: 0,
  conversation: 0,
  turn: 0,
  turns: 1,
  sessionId: 0,
  countsTowardTarget: true,
  dueNs: 0,
  targetIndex: 0,
  index: 0,
  ...over,
});

describe("the ledger", () => {
  it("partitions the drawn ids, whatever happens to the credits", () => {
    const steps = fc.array(fc.tuple(fc.constantFrom("issue", "drop", "sent", "unused", "lose"), fc.nat(2), fc.nat(30)), {
      maxLength: 150,
    });
    fc.assert(
      fc.property(steps, (actions) => {
        const ledger = new Ledger();
        const holders = [0, 1, 2].map(() => ({ issued: new Map<number, Credit>(), settledCount: 0 }));
        for (const [action, at, n] of actions) {
          const holder = holders[at] as (typeof holders)[number];
          const id = [...holder.issued.keys()][n % Math.max(1, holder.issued.size)] ?? -1;
          if (action === "issue") ledger.issue(holder, draft());
          else if (action === "drop") ledger.drop(0);
          else if (action === "lose") ledger.lose(holder);
          else ledger.settle(holder, id, action as "sent" | "unused");
        }
        const { drawn, issued, sent, unused, dropped, lost } = ledger.counts(0);
        expect(issued + sent + unused + dropped + lost).to.equal(drawn);
        expect(drawn).to.equal(ledger.highestId(0));
        expect(holders.reduce((sum, holder) => sum + holder.issued.size, 0)).to.equal(issued);
        const account = ledger.account(0);
        expect(account.unused.intersect(account.lost).count + account.dropped.intersect(account.unused).count).to.equal(0);
      }),
    );
  });

  it("knows nothing of a credit that is not out with this holder", () => {
    const ledger = new Ledger();
    const [one, other] = [0, 1].map(() => ({ issued: new Map<number, Credit>(), settledCount: 0 })) as [never, never];
    const { id } = ledger.issue(one, draft());
    expect(ledger.settle(other, id, "sent")).to.equal(undefined);
    expect(ledger.settle(one, id, "sent")).to.include({ id });
    expect(ledger.settle(one, id, "sent")).to.equal(undefined);
  });

  it("tells how many credits of each target are out, whatever became of the others", () => {
    const loads = new TargetLoads(2);
    const ledger = new Ledger(loads);
    const [one, other] = [0, 1].map(() => ({ issued: new Map<number, Credit>(), settledCount: 0 })) as [never, never];
    const issue = (targetIndex: number, holder = one): number => ledger.issue(holder, draft({ targetIndex })).id;
    const out = (): number[] => [loads.out(0), loads.out(1)];
    const ids = [issue(0), issue(1), issue(1), issue(1, other)];
    ledger.drop(0);
    expect(out()).to.deep.equal([1, 3]);
    ledger.settle(one, ids[1] ?? 0, "sent");
    ledger.settle(one, ids[1] ?? 0, "sent");
    expect(out()).to.deep.equal([1, 2]);
    ledger.settle(one, ids[0] ?? 0, "unused");
    ledger.lose(other);
    expect(out()).to.deep.equal([0, 1]);
  });

  it("gives each phase its own ids, dense over the run", () => {
    const ledger = new Ledger();
    const holder = { issued: new Map<number, Credit>(), settledCount: 0 };
    for (const phase of [0, 0, 1]) ledger.issue(holder, draft({ phase }));
    expect([...ledger.account(0).drawn, ...ledger.account(1).drawn]).to.deep.equal([1, 2, 3]);
  });
});

describe("pacers", () => {
  it("at a constant rate are a grid from the start of the phase, without drift after a million arrivals", () => {
    const pacer = constantPacer(3);
    expect(pacer.nextDueNs()).to.equal(0);
    for (let n = 1; n < 1_000_000; n++) pacer.nextDueNs();
    expect(pacer.nextDueNs()).to.equal(1e15 / 3);
  });

  it("of Poisson arrivals have exponential gaps of the mean asked for, the same for the same numbers", () => {
    const gaps = (seed: number) => {
      const pacer = poissonPacer(1_000, randomStream(seed, "arrivals"));
      let before = 0;
      return Array.from({ length: 20_000 }, () => {
        const due = pacer.nextDueNs();
        const gap = due - before;
        before = due;
        return gap;
      });
    };
    const some = gaps(1);
    const mean = some.reduce((sum, gap) => sum + gap, 0) / some.length;
    const deviation = Math.sqrt(some.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / some.length);
    expect(mean).to.be.closeTo(MS, 0.03 * MS);
    expect(deviation / mean).to.be.closeTo(1, 0.05);
    expect(some.every((gap) => gap >= 0)).to.equal(true);
    expect(gaps(1)).to.deep.equal(some);
    expect(gaps(2)).to.not.deep.equal(some);
  });

  it("refuse a rate that is none", () => {
    expect(() => constantPacer(0)).to.throw("rate must be > 0, got 0");
    expect(() => poissonPacer(Number.NaN, randomStream(1))).to.throw("rate must be > 0, got NaN");
  });
});

describe("slots over several workers", () => {
  it("never add up to more than the concurrency, by what the workers may still be working by", () => {
    const steps = fc.array(fc.tuple(fc.constantFrom("set", "ack", "join", "cut_off", "back", "lose"), fc.nat(3), fc.nat(9)), {
      maxLength: 80,
    });
    fc.assert(
      fc.property(steps, (actions) => {
        type Worker = {
          slots: WorkerSlots;
          isReachable: boolean;
          openSessions: number;
          told: { limit: number; epoch: number }[];
        };
        let workers: Worker[] = [];
        let concurrency = 4;
        let mayExceed = 4;
        const total = () => workers.reduce((sum, { slots }) => sum + slots.counted, 0);
        for (const [action, at, n] of actions) {
          const worker = workers[at % Math.max(1, workers.length)];
          if (action === "set") concurrency = n;
          if (action === "join") workers.push({ slots: new WorkerSlots(), isReachable: true, openSessions: n % 2, told: [] });
          if (action === "ack" && worker?.told.length)
            worker.slots.acked(worker.told.splice(0, 1 + (n % worker.told.length)).at(-1)?.epoch ?? 0);
          if (worker !== undefined && (action === "cut_off" || action === "back")) worker.isReachable = action === "back";
          if (action === "lose") workers = workers.filter((other) => other !== worker);
          mayExceed = Math.max(concurrency, Math.min(mayExceed, total()));
          distributeSlots(concurrency, workers, (to, limit) => to.told.push({ limit, epoch: to.slots.tell(limit) }));
          expect(total()).to.be.at.most(mayExceed);
        }
        for (const worker of workers) worker.isReachable = true;
        for (let i = 0; i < 6; i++) {
          distributeSlots(concurrency, workers, (to, limit) => to.told.push({ limit, epoch: to.slots.tell(limit) }));
          for (const { slots, told } of workers) for (const { epoch } of told.splice(0)) slots.acked(epoch);
        }
        if (workers.length === 0) return;
        const limits = workers.map(({ slots }) => slots.limit);
        expect(limits.reduce((sum, limit) => sum + limit, 0)).to.equal(concurrency);
        expect(Math.max(...limits) - Math.min(...limits)).to.be.at.most(1);
      }),
    );
  });

  it("go to others where a worker cannot do with more, evenly still, and what nobody has room for is said", () => {
    const capacities = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(capacities, fc.nat(50), (capacity, concurrency) => {
        const workers = capacity.map((most) => ({ slots: new WorkerSlots(), isReachable: true, openSessions: 0, most }));
        const tell = ({ slots }: (typeof workers)[number], limit: number) => slots.acked(slots.tell(limit));
        const left = distributeSlots(concurrency, workers, tell, ({ most }) => most);
        const limits = workers.map(({ slots }) => slots.limit);
        expect(limits.reduce((sum, limit) => sum + limit, left)).to.equal(concurrency);
        const bounded = workers.filter(({ slots, most }) => slots.limit === most);
        for (const { slots, most } of workers) expect(slots.limit).to.be.at.most(most);
        if (left > 0) expect(bounded).to.have.lengthOf(workers.length);
        const free = workers.filter((worker) => !bounded.includes(worker)).map(({ slots }) => slots.limit);
        if (free.length === 0) return;
        expect(Math.max(...limits) - Math.min(...free)).to.be.at.most(1);
      }),
    );
  });

  it("stay where they are when nothing changes, and with whoever has sessions when there are too few", () => {
    const worker = (openSessions: number) => ({ slots: new WorkerSlots(), isReachable: true, openSessions });
    const workers = [worker(0), worker(1), worker(0)];
    let told = 0;
    const tell = (to: (typeof workers)[number], limit: number) => {
      to.slots.tell(limit);
      to.slots.acked(to.slots.epoch);
      told++;
    };
    distributeSlots(1, workers, tell);
    expect(workers.map(({ slots }) => slots.limit)).to.deep.equal([0, 1, 0]);
    distributeSlots(1, workers, tell);
    expect(told).to.equal(1);
  });
});

describe("standby", () => {
  it("is generous before the rate is known, then what 50 ms complete, at least 2", () => {
    const standby = new Standby();
    expect([standby.size(0), standby.size(4), standby.size(100)]).to.deep.equal([2, 16, 400]);
    for (let ms = 0; ms <= 200; ms += 10) standby.completed(10, ms * MS);
    expect(standby.size(4)).to.be.within(50, 56);
    for (let s = 1; s < 30; s++) standby.completed(1, s * SEC);
    expect(standby.size(4)).to.equal(2);
  });

  it("is topped up when a quarter is gone, and to nobody without slots", () => {
    const queue = { limit: 2, issued: 2 + 75, standby: 100 };
    expect(planStandby([queue], 1_000)).to.deep.equal([25]);
    expect(planStandby([{ ...queue, issued: 2 + 76 }], 1_000)).to.deep.equal([0]);
    expect(planStandby([{ ...queue, limit: 0, issued: 0 }], 1_000)).to.deep.equal([0]);
  });

  it("is levelled when there is not enough for all: nobody sits on more than the others by their slots", () => {
    expect(
      planStandby(
        [
          { limit: 2, issued: 2, standby: 256 },
          { limit: 2, issued: 2, standby: 256 },
        ],
        16,
      ),
    ).to.deep.equal([8, 8]);
    expect(
      planStandby(
        [
          { limit: 1, issued: 9, standby: 256 },
          { limit: 1, issued: 1, standby: 256 },
          { limit: 2, issued: 2, standby: 256 },
        ],
        12,
      ),
    ).to.deep.equal([0, 4, 8]);
  });

  it("never gives more than there is", () => {
    const queues = fc.array(fc.record({ limit: fc.nat(5), issued: fc.nat(20), standby: fc.nat(40) }), { maxLength: 5 });
    fc.assert(
      fc.property(queues, fc.nat(60), (some, undrawn) => {
        const plan = planStandby(some, undrawn);
        expect(plan.reduce((sum, n) => sum + n, 0)).to.be.at.most(undrawn);
        for (const n of plan) expect(n).to.be.at.least(0);
      }),
    );
  });
});

describe("the recall of idle standby", () => {
  const candidate = (over: object) => ({ limit: 2, issued: 2, recalling: 0, isRecallable: true, ...over });

  it("takes as many as there are free slots from the worker with the most waiting", () => {
    expect(planTailRecall([candidate({ issued: 5 }), candidate({ issued: 9 })], 3)).to.deep.equal({ at: 1, count: 3 });
    expect(planTailRecall([candidate({ issued: 4 })], 3)).to.deep.equal({ at: 0, count: 2 });
  });

  it("asks for nothing when enough is on its way, nobody has anything waiting, or whoever has may not be asked", () => {
    expect(planTailRecall([candidate({ issued: 9, recalling: 3, isRecallable: false }), candidate({ issued: 4 })], 3)).to.equal(
      undefined,
    );
    expect(planTailRecall([candidate({ issued: 2 })], 3)).to.equal(undefined);
    expect(planTailRecall([candidate({ issued: 9, isRecallable: false })], 3)).to.equal(undefined);
  });
});

describe("waiting sessions", () => {
  const credit = (turn: number) => ({ ...draft({ turn, turns: 5 }), id: turn + 1 });

  it("come out by the time they are ready, redraws first", () => {
    const waiting = new WaitingSessions();
    waiting.add({ readyNs: 20, credit: credit(1), isRedraw: false });
    waiting.add({ readyNs: 10, credit: credit(2), isRedraw: false });
    waiting.add({ readyNs: 0, credit: credit(3), isRedraw: true });
    expect(waiting.takeRedraw()?.credit.turn).to.equal(3);
    expect(waiting.takeReady(5)).to.equal(undefined);
    expect(waiting.takeReady(30)?.credit.turn).to.equal(2);
    expect(waiting.nextReadyNs).to.equal(20);
  });

  it("keep what was drawn before where only what was not is to end", () => {
    const waiting = new WaitingSessions();
    waiting.add({ readyNs: 0, credit: credit(1), isRedraw: true });
    waiting.add({ readyNs: 0, credit: credit(2), isRedraw: false });
    expect(waiting.end("undrawn").map(({ credit: of }) => of.turn)).to.deep.equal([2]);
    expect([waiting.count, waiting.redrawCount]).to.deep.equal([1, 1]);
    expect(waiting.end("all")).to.have.length(1);
  });
});

const spec = (over: Partial<PhaseSpec> = {}): PhaseSpec => ({
  index: 0,
  name: "profiling",
  kind: "profiling",
  load: { kind: "closed", concurrency: 1 },
  stop: { requestCount: 3 },
  graceNs: SEC,
  conversations: conversationsOf(1),
  ...over,
});

describe("the draws of a phase", () => {
  it("end with the count; what comes back unused is drawn again with its conversation and index", () => {
    const draws = new PhaseDraws(spec(), 0);
    const [first] = [draws.firstTurn(0), draws.firstTurn(0), draws.firstTurn(0)];
    expect(draws.firstTurn(0)).to.equal(undefined);
    draws.redraw({ ...(first as Draft), id: 7 });
    expect(draws.firstTurnsLeft).to.equal(1);
    expect(draws.firstTurn(0)).to.deep.include({ conversation: 0, index: 0 });
    expect(draws.firstTurn(0)).to.equal(undefined);
  });

  it("end with the dataset, the sessions asked for, the schedule, or a stop", () => {
    const count = (over: Partial<PhaseSpec>) => {
      const draws = new PhaseDraws(spec(over), 0);
      let n = 0;
      while (n < 50 && draws.firstTurn(1e18) !== undefined) n++;
      return n;
    };
    const short = {
      isMultiTurn: false,
      draw: (session: number) => (session < 2 ? { conversation: session, turns: 1 } : undefined),
    };
    expect(count({ conversations: short })).to.equal(2);
    expect(count({ stop: { sessionCount: 4 } })).to.equal(4);
    const dues = [0, 1, Number.POSITIVE_INFINITY];
    expect(count({ load: { kind: "open", pacer: { nextDueNs: () => dues.shift() as number } } })).to.equal(2);
    const draws = new PhaseDraws(spec(), 0);
    draws.stop();
    draws.redraw({ ...draft(), id: 1 });
    expect([draws.firstTurn(0), draws.firstTurnsLeft]).to.deep.equal([undefined, 0]);
  });

  it("count only what counts toward the target", () => {
    const conversations = {
      isMultiTurn: false,
      draw: (session: number) => ({ conversation: session, turns: 1, countsTowardTarget: session % 2 === 0 }),
    };
    const draws = new PhaseDraws(spec({ conversations }), 0);
    let n = 0;
    while (draws.firstTurn(0) !== undefined) n++;
    expect(n).to.equal(5);
  });

  it("with a schedule come at its times, absolute from the start of the phase", () => {
    const draws = new PhaseDraws(spec({ load: { kind: "open", pacer: constantPacer(10) } }), 5 * SEC);
    expect(draws.firstTurn(5 * SEC)?.dueNs).to.equal(5 * SEC);
    expect(draws.firstTurn(5 * SEC)).to.equal(undefined);
    expect(draws.nextDueNs).to.equal(5.1 * SEC);
    draws.passArrivals(5.25 * SEC);
    expect(draws.nextDueNs).to.equal(5.3 * SEC);
  });

  it("ask for the options of every turn once", () => {
    const asked: number[] = [];
    const turn = ({ index }: { index: number }) => {
      asked.push(index);
      return { cancelAfterNs: 9, targetIndex: 2, maxOutputTokensOverride: 1 };
    };
    const draws = new PhaseDraws(spec({ conversations: { ...conversationsOf(2), turn } }), 0);
    const first = draws.firstTurn(0) as Draft;
    expect(first).to.include({ cancelAfterNs: 9, targetIndex: 2, maxOutputTokensOverride: 1 });
    expect(draws.nextTurn({ ...first, id: 1 }, { readyNs: 0, hasWaited: false }, 0)).to.include({
      turn: 1,
      index: 1,
      sessionId: first.sessionId,
    });
    draws.redraw({ ...first, id: 1 });
    draws.firstTurn(0);
    expect(asked).to.deep.equal([0, 1]);
  });
});

describe("a phase under way", () => {
  const facts = { isDrawnOut: false, allHoldNothing: false, issued: 3 };

  it("needs a stop condition", () => {
    expect(() => new PhaseRun(spec({ stop: {} }), 0)).to.throw("phase profiling: a stop condition is needed");
  });

  it("goes through its stages: stop, sending complete, cancel after the grace, returning complete", () => {
    const phase = new PhaseRun(spec({ stop: { durationNs: 10 * SEC } }), 0);
    const next = (now: number, over: Partial<typeof facts> = {}) => phase.next({ ...facts, ...over }, now)?.kind;
    expect([phase.stage, next(9 * SEC)]).to.deep.equal(["issuing", undefined]);
    expect(phase.nextWakeNs(9 * SEC)).to.equal(10 * SEC);
    expect(next(10 * SEC)).to.equal("stop");
    phase.stop(10 * SEC);
    expect(phase.stage).to.equal("stopped");
    expect(next(10.5 * SEC, { allHoldNothing: true })).to.equal("sending_complete");
    expect([phase.stage, phase.nextWakeNs(10.5 * SEC)]).to.deep.equal(["sent", 11 * SEC]);
    expect(next(11 * SEC, { allHoldNothing: true })).to.equal("cancel");
    expect(phase.stage).to.equal("cancelled");
    expect(next(12.9 * SEC, { allHoldNothing: true })).to.equal(undefined);
    expect(next(13 * SEC, { allHoldNothing: true })).to.equal("shun_busy");
    expect(next(13 * SEC, { allHoldNothing: true, issued: 0 })).to.equal("returning_complete");
    expect([phase.stage, next(20 * SEC)]).to.deep.equal(["returned", undefined]);
  });

  it("gets rid of workers that do not answer its stop for 2 s, more if timing itself stood still", () => {
    const phase = new PhaseRun(spec({ graceNs: 60 * SEC }), 0);
    phase.stop(SEC);
    expect(phase.next(facts, 2.9 * SEC)).to.equal(undefined);
    expect(phase.next(facts, 3 * SEC)).to.deep.equal({ kind: "shun_holders" });
    phase.extendAnswers(5 * SEC);
    expect(phase.next(facts, 7.9 * SEC)).to.equal(undefined);
    expect(phase.next(facts, 8 * SEC)).to.deep.equal({ kind: "shun_holders" });
  });

  it("gives nobody longer for a stall that was over when it told them of its stop, or of its cancel", () => {
    const phase = new PhaseRun(spec({ graceNs: 10 * SEC }), 0);
    phase.extendAnswers(5 * SEC);
    phase.stop(6 * SEC);
    expect(phase.next(facts, 7.9 * SEC)).to.equal(undefined);
    expect(phase.next(facts, 8 * SEC)).to.deep.equal({ kind: "shun_holders" });
    const all = { ...facts, allHoldNothing: true };
    expect(phase.next(all, 9 * SEC)?.kind).to.equal("sending_complete");
    phase.extendAnswers(5 * SEC);
    expect(phase.next(all, 16 * SEC)?.kind).to.equal("cancel");
    expect(phase.next(all, 17.9 * SEC)).to.equal(undefined);
    expect(phase.next(all, 18 * SEC)).to.deep.equal({ kind: "shun_busy" });
  });

  it("takes a stop within the grace after its duration as a limit, too", () => {
    const phase = new PhaseRun(spec({ stop: { durationNs: 10 * SEC }, graceNs: 600 * SEC }), 0);
    const next = (now: number) => phase.next({ ...facts, allHoldNothing: true }, now)?.kind;
    expect(next(10 * SEC)).to.equal("stop");
    phase.stop(10 * SEC);
    expect(next(10 * SEC)).to.equal("sending_complete");
    phase.stop(12 * SEC, 30 * SEC);
    phase.stop(13 * SEC, 60 * SEC);
    expect([next(41.9 * SEC), phase.nextWakeNs(41.9 * SEC)]).to.deep.equal([undefined, 42 * SEC]);
    expect(next(42 * SEC)).to.equal("cancel");
  });

  it("gives what a count has ended its grace after the duration, whatever is left of that", () => {
    const phase = new PhaseRun(spec({ stop: { requestCount: 3, durationNs: 10 * SEC } }), 0);
    const next = (now: number) => phase.next({ isDrawnOut: true, allHoldNothing: true, issued: 1 }, now)?.kind;
    expect(next(SEC)).to.equal("sending_complete");
    expect([next(10 * SEC), phase.nextWakeNs(10 * SEC)]).to.deep.equal([undefined, 11 * SEC]);
    expect(next(11 * SEC)).to.equal("cancel");
  });

  it("takes a stop after sending complete as a limit on how long the rest may take", () => {
    const phase = new PhaseRun(spec({ graceNs: Number.POSITIVE_INFINITY }), 0);
    expect(phase.next({ isDrawnOut: true, allHoldNothing: true, issued: 1 }, SEC)?.kind).to.equal("sending_complete");
    expect(phase.nextWakeNs(SEC)).to.equal(Number.POSITIVE_INFINITY);
    phase.stop(2 * SEC, SEC);
    expect(phase.next({ isDrawnOut: true, allHoldNothing: true, issued: 1 }, 3 * SEC)?.kind).to.equal("cancel");
  });
});

describe("prefill slots", () => {
  it("are freed once, by whatever comes first", () => {
    const slots = new PrefillSlots(2);
    slots.taken(1);
    slots.taken(2);
    expect(slots.hasFree).to.equal(false);
    slots.freed(1);
    slots.freed(1);
    slots.taken(3);
    expect(slots.hasFree).to.equal(false);
  });
});

describe("timing", () => {
  it("issues an open loop ahead by the horizon, and by four round trips when these are longer", () => {
    const bench = new Bench();
    const worker = bench.join("W1");
    bench.start({ load: { kind: "open", pacer: constantPacer(100) }, stop: { durationNs: 10 * SEC } });
    const latestDue = () =>
      worker
        .told("issue")
        .flatMap(({ credits }) => credits)
        .at(-1)!.dueNs - bench.now;
    expect(latestDue()).to.be.within(250 * MS, 280 * MS);
    bench.timing.roundTripMeasured(200 * MS);
    bench.timing.advance(bench.now);
    expect(latestDue()).to.be.within(800 * MS, 890 * MS);
    expect(worker.told("slots").at(-1)!.limit).to.equal(UNLIMITED_SLOTS);
  });

  it("begins an open loop once its first credits are with the workers, and anything else, or what follows without a seam, at once", () => {
    const bench = new Bench();
    const worker = bench.join("W1");
    const open = { load: { kind: "open", pacer: constantPacer(100) } as const, stop: { requestCount: 3 }, isSeamless: true };
    const startNs = bench.startInTime(open);
    expect(startNs).to.be.greaterThan(bench.now);
    const credits = worker.told("issue").flatMap((message) => message.credits);
    expect(credits.map(({ dueNs }) => dueNs - startNs)).to.deep.equal([0, 10 * MS, 20 * MS]);
    bench.live(startNs + 50 * MS - bench.now);
    expect(worker.fired).to.have.length(3);
    expect(bench.startInTime({ ...open, index: 1 })).to.equal(bench.now);
    const closed = new Bench();
    closed.join("W1");
    expect(closed.startInTime({})).to.equal(closed.now);
  });

  it("wakes before the next credit of an open loop is within the horizon, and not for each one", () => {
    const bench = new Bench();
    bench.join("W1");
    bench.start({ load: { kind: "open", pacer: constantPacer(1_000) }, stop: { durationNs: 10 * SEC } });
    const wakes: number[] = [];
    for (let i = 0; i < 20; i++) {
      bench.now = Math.max(bench.now, bench.timing.nextWakeNs());
      wakes.push(bench.now);
      bench.timing.advance(bench.now);
    }
    const meanNs = (wakes.at(-1)! - wakes[0]!) / (wakes.length - 1);
    expect(meanNs).to.be.greaterThan(10 * MS);
  });

  for (const [title, isByLoad, issued] of [
    ["keeps the queue of a closed loop filled", false, 15],
    ["draws nothing before it has its slot where load decides what is drawn", true, 3],
  ] as const) {
    it(title, () => {
      const bench = new Bench();
      const worker = bench.join("W1");
      const conversations = { isMultiTurn: false, isByLoad, draw: (session: number) => ({ conversation: session, turns: 1 }) };
      bench.start({ load: { kind: "closed", concurrency: 3 }, stop: { requestCount: 100 }, conversations });
      expect(worker.told("issue").flatMap(({ credits }) => credits)).to.have.lengthOf(issued);
    });
  }

  it("spreads an open loop over the workers", () => {
    const bench = new Bench();
    const workers = [bench.join("W1"), bench.join("W2"), bench.join("W3")];
    bench.start({ load: { kind: "open", pacer: constantPacer(100) }, stop: { requestCount: 20 } });
    const counts = workers.map((worker) => worker.told("issue").flatMap(({ credits }) => credits).length);
    expect(counts.reduce((sum, n) => sum + n, 0)).to.equal(20);
    expect(Math.max(...counts) - Math.min(...counts)).to.be.at.most(1);
  });

  it("sends late what was due while no worker could be reached, and drops what was still unsent at the end, counted", () => {
    const bench = new Bench();
    const pacer = constantPacer(10);
    bench.start({ load: { kind: "open", pacer }, stop: { durationNs: SEC } });
    bench.live(450 * MS);
    const worker = bench.join("W1");
    bench.live(50 * MS);
    expect(worker.fired.length).to.be.at.least(5);
    worker.cut();
    bench.live(600 * MS, { silent: [worker] });
    const { drawn, dropped } = bench.counts;
    expect(drawn).to.equal(10);
    expect(dropped).to.be.greaterThan(0);
  });

  it("with a ceiling sends at the due times while a place is free, and queues or drops the rest as asked", () => {
    for (const overload of ["queue", "drop"] as const) {
      const bench = new Bench();
      const worker = bench.join("W1");
      bench.start({ load: { kind: "ceiling", pacer: constantPacer(10), concurrency: 2, overload }, stop: { requestCount: 6 } });
      bench.live(450 * MS);
      expect(worker.firedIds).to.have.length(2);
      expect(bench.counts.dropped).to.equal(overload === "drop" ? 3 : 0);
      worker.end(worker.firedIds[0]!);
      worker.talk();
      bench.live(150 * MS);
      expect(worker.fired).to.have.length(3);
      expect(bench.counts.drawn).to.equal(overload === "drop" ? 6 : 3);
    }
  });

  it("issues nothing that is due at the end of the duration or after it, however late it looks", () => {
    for (const load of [
      { kind: "ceiling", pacer: constantPacer(10), concurrency: 50, overload: "drop" },
      { kind: "open", pacer: constantPacer(10) },
      { kind: "closed", concurrency: 1 },
    ] as const) {
      const bench = new Bench();
      const worker = bench.join("W1");
      bench.start({ load, stop: { durationNs: SEC } });
      bench.live(950 * MS);
      const drawn = bench.counts.drawn;
      for (const id of worker.firedIds) worker.end(id);
      bench.now += 300 * MS;
      worker.readByTiming();
      expect(bench.counts.drawn).to.equal(drawn);
    }
  });

  it("lets a concurrency rise with its ramp, on time, until somebody sets it", () => {
    const bench = new Bench();
    const worker = bench.join("W1");
    const concurrency = { from: 1, to: 5, durationNs: 4 * SEC, shape: "linear", steps: 0 } as const;
    bench.closed(5, { stop: { requestCount: 1_000 }, ramps: { concurrency } });
    const startNs = bench.now;
    const limits: number[] = [];
    for (let n = 0; n < 3; n++) {
      const wakeNs = startNs + n * SEC;
      bench.now = wakeNs;
      bench.timing.advance(bench.now);
      worker.talk();
      limits.push(worker.core.stats().limit);
    }
    expect(limits).to.deep.equal([1, 2, 3]);
    bench.timing.adjustPhase({ phase: 0, concurrency: 2 }, bench.now);
    bench.live(3 * SEC);
    expect(worker.core.stats().limit).to.equal(2);
  });

  it("lets prefill slots rise with their ramp", () => {
    const bench = new Bench();
    const worker = bench.join("W1");
    const prefill = { from: 1, to: 3, durationNs: 2 * SEC, shape: "step", steps: 2 } as const;
    bench.closed(9, { stop: { requestCount: 9 }, prefill: 3, ramps: { prefill } });
    worker.talk();
    const fired = [worker.fired.length];
    for (let n = 0; n < 2; n++) {
      bench.live(SEC);
      fired.push(worker.fired.length);
    }
    expect(fired).to.deep.equal([1, 2, 3]);
  });

  describe("of workers that have said how many connections they can hold", () => {
    const limits = ({ workers }: Bench) => workers.map(({ core }) => core.stats().limit);
    const lossOf = (bench: Bench, worker: BenchWorker): void => {
      bench.timing.workerReaped(worker.id, bench.now);
      bench.live(500 * MS, { silent: [worker] });
    };

    it("gives a lost one's slots to others as far as they can hold them, and says once what finds no worker", () => {
      const bench = new Bench();
      const workers = [20, 12, 14].map((maxConnections, n) => bench.join(`W${n}`, { maxConnections }));
      bench.closed(30, { stop: { requestCount: 1000 } });
      for (const worker of workers) worker.talk();
      expect(limits(bench)).to.deep.equal([10, 10, 10]);
      const [first] = workers as [BenchWorker, ...BenchWorker[]];
      lossOf(bench, first);
      expect(limits(bench).slice(1)).to.deep.equal([12, 14]);
      expect(bench.unplaced).to.deep.equal([]);
      bench.live(3 * SEC, { silent: [first] });
      expect(bench.unplaced).to.deep.equal([{ phase: 0, concurrency: 30, unplaced: 4 }]);
      bench.join("W3", { maxConnections: 20 });
      // Those that had more come down to their share first.
      for (const worker of workers.slice(1)) {
        worker.talk();
        for (const id of worker.firedIds.slice(0, 4)) worker.end(id);
        worker.talk();
      }
      bench.live(SEC, { silent: [first] });
      expect(limits(bench).slice(1)).to.deep.equal([10, 10, 10]);
    });

    it("lets sessions that think be as many as they are, since only their requests hold connections", () => {
      const bench = new Bench();
      const worker = bench.join("W", { maxConnections: 5 });
      const conversations = { ...conversationsOf(2), delayNs: () => SEC };
      bench.closed(30, { stop: { sessionCount: 100 }, conversations });
      worker.talk();
      bench.live(3 * SEC);
      expect([limits(bench), bench.unplaced]).to.deep.equal([[30], []]);
      const requests = new Bench();
      requests.join("W", { maxConnections: 5 });
      requests.start({ load: { kind: "closed", concurrency: 30, unit: "request" }, stop: { sessionCount: 100 }, conversations });
      requests.live(3 * SEC);
      expect([limits(requests), requests.unplaced.length]).to.deep.equal([[5], 1]);
    });
  });

  it("shares a ceiling evenly among the workers, and sends exactly what was asked for", () => {
    const bench = new Bench();
    const workers = [bench.join("W1"), bench.join("W2")];
    bench.start({
      load: { kind: "ceiling", pacer: constantPacer(200), concurrency: 4, overload: "queue" },
      stop: { requestCount: 40 },
    });
    for (let n = 0; n < 40 && bench.reports.length === 0; n++) {
      bench.live(50 * MS);
      const inFlight = workers.map((worker) => worker.core.stats().inFlight);
      expect(Math.max(...inFlight)).to.be.at.most(2);
      for (const worker of workers) {
        for (const id of worker.firedIds) worker.end(id);
        worker.talk();
      }
    }
    const fired = workers.map((worker) => worker.fired.length);
    expect(bench.reports[0]?.counts).to.include({ sent: 40, dropped: 0, lost: 0 });
    expect(Math.abs((fired[0] ?? 0) - (fired[1] ?? 0))).to.be.at.most(2);
  });

  it("counts what waited for a place under the ceiling, and nothing that was merely late", () => {
    const bench = new Bench();
    const worker = bench.join("W1");
    const dues = [0, 100, 200, 300, 600];
    bench.start({
      load: { kind: "ceiling", pacer: { nextDueNs: () => (dues.shift() ?? 1e6) * MS }, concurrency: 1, overload: "queue" },
      stop: { requestCount: 5 },
    });
    // The first is sent at 0, those of 100 and 200 ms wait, that of 300 ms comes while they do; the last finds a free place.
    bench.live(250 * MS);
    for (let n = 0; n < 3; n++) {
      bench.live(50 * MS);
      worker.end(worker.firedIds.at(-1)!);
      worker.talk();
    }
    worker.end(worker.firedIds.at(-1)!);
    worker.talk();
    bench.live(250 * MS);
    worker.end(worker.firedIds.at(-1)!);
    worker.talk();
    expect(bench.reports.map(({ queued, counts }) => [queued, counts.sent])).to.deep.equal([[3, 5]]);
  });

  it("counts later turns that waited for a place under a ceiling of requests as it does first ones", () => {
    const bench = new Bench();
    const worker = bench.join("W1");
    const dues = [0, 100, 200, 600];
    const pacer = { nextDueNs: () => (dues.shift() ?? 1e6) * MS };
    bench.start({
      load: { kind: "ceiling", pacer, concurrency: 1, unit: "request", overload: "queue" },
      stop: { requestCount: 4 },
      conversations: conversationsOf(2),
    });
    // The arrivals of 100 and 200 ms wait until 250 and 300 ms, and are later turns; that of 600 ms finds a free place.
    bench.live(250 * MS);
    for (const ns of [50 * MS, 50 * MS, 300 * MS, 50 * MS]) {
      worker.end(worker.firedIds.at(-1)!);
      worker.talk();
      bench.live(ns);
    }
    expect(worker.fired.map(({ sessionId, turn }) => `${sessionId}.${turn}`)).to.deep.equal(["0.0", "0.1", "1.0", "1.1"]);
    expect(bench.reports.map(({ queued, counts }) => [queued, counts.sent])).to.deep.equal([[2, 4]]);
  });

  it("in a closed loop plays as many sessions at once as the concurrency says, delays included", () => {
    const bench = new Bench();
    const worker = bench.join("W1");
    bench.closed(2, { stop: { sessionCount: 4 }, conversations: { ...conversationsOf(2), delayNs: () => 100 * MS } });
    worker.talk();
    worker.end(1);
    worker.talk();
    expect(worker.fired.map(({ sessionId }) => sessionId)).to.deep.equal([0, 1]);
    bench.live(150 * MS);
    expect(worker.fired.map(({ sessionId, turn }) => [sessionId, turn])).to.deep.equal([
      [0, 0],
      [1, 0],
      [0, 1],
    ]);
    worker.end(worker.firedIds[2]!);
    worker.talk();
    expect(worker.fired.at(-1)).to.include({ sessionId: 2, turn: 0 });
  });

  it("runs phases in order, each with its own ids, the next one once the last has come back", () => {
    const bench = new Bench();
    const worker = bench.join("W1");
    bench.closed(1, { stop: { requestCount: 2 } });
    expect(() => bench.closed(1, { index: 1 })).to.throw("phase profiling cannot start: phase profiling is issuing");
    for (const id of [1, 2]) {
      worker.talk();
      worker.end(id);
    }
    worker.talk();
    bench.closed(1, { index: 1 });
    worker.talk();
    worker.end(3);
    worker.talk();
    expect(bench.reports.map(({ account }) => `${account.drawn}`)).to.deep.equal(["1-2", "3"]);
  });

  it("says where everything is", () => {
    const bench = new Bench();
    const worker = bench.join("W1");
    bench.closed(2, { stop: { requestCount: 4 } });
    worker.talk();
    expect(bench.timing.stats()).to.deep.equal({
      phases: [
        {
          phase: 0,
          stage: "issuing",
          highestId: 4,
          counts: { drawn: 4, issued: 4, sent: 0, unused: 0, dropped: 0, lost: 0 },
        },
      ],
      members: [{ workerId: "W1", isConnected: true, isReachable: true, limit: 2, counted: 2, issued: 4, waitingSessions: 0 }],
      lostWorkers: 0,
      violations: 0,
    });
  });
});
