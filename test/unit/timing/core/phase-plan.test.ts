import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { expect } from "chai";
import { PhaseKind } from "../../../../gen/assay/common/v1/common_pb.js";
import {
  ArrivalPattern,
  ConcurrencyUnit,
  Overload,
  type PhaseSpecSchema,
  RunSpecSchema,
} from "../../../../gen/assay/common/v1/run_spec_pb.js";
import type { DatasetShape } from "../../../../services/timing/core/dataset-shape.ts";
import { planPhase } from "../../../../services/timing/core/phase-plan.ts";
import { TargetLoads } from "../../../../services/timing/core/targets.ts";

type PhaseInit = Exclude<MessageInitShape<typeof PhaseSpecSchema>, { $typeName: string }>;

const DATASET: DatasetShape = {
  conversations: 3,
  turnsOf: (conversation) => conversation + 1,
  isMultiTurn: true,
  order: "sequential",
  samplingSeed: 1,
};

function planOf(phase: PhaseInit, urls = 1, sessionsBefore = 0, seed = 7n) {
  const spec = create(RunSpecSchema, {
    phases: [{ name: "profiling", kind: PhaseKind.PROFILING, ...phase }],
    target: { urls: Array.from({ length: urls }, (_, index) => ({ url: `http://${index}` })) },
    randomSeed: seed,
  });
  return planPhase(spec, 0, DATASET, sessionsBefore, urls > 1 ? new TargetLoads(urls) : undefined);
}

const rate = (ratePerSec: number, pattern: ArrivalPattern) => ({ case: "rate" as const, value: { ratePerSec, pattern } });

/** The first moments at which something is due, in ms. */
function duesOf(plan: ReturnType<typeof planOf>, count: number): number[] {
  const { load } = plan;
  if (load.kind !== "open") throw new Error(`a ${load.kind} load has no pacer`);
  return Array.from({ length: count }, () => load.pacer.nextDueNs() / 1e6);
}

describe("the plan of a phase", () => {
  it("keeps name, kind, stop and grace, in ns", () => {
    const plan = planOf({
      kind: PhaseKind.WARMUP,
      load: { case: "concurrency", value: { limit: 5 } },
      stop: { requestCount: 9n, durationSec: 1.5 },
      graceSec: 2,
    });
    expect(plan).to.deep.include({
      index: 0,
      name: "profiling",
      kind: "warmup",
      load: { kind: "closed", concurrency: 5, unit: "session" },
      stop: { requestCount: 9, durationNs: 1.5e9 },
      graceNs: 2e9,
    });
  });

  it("stops after so many sessions where that is asked for", () => {
    const load = { case: "concurrency" as const, value: { limit: 1 } };
    expect(planOf({ load, stop: { sessionCount: 4n } }).stop).to.deep.equal({ sessionCount: 4 });
  });

  it("counts sessions, or requests where that is asked for", () => {
    const unitOf = (unit: ConcurrencyUnit) => planOf({ load: { case: "concurrency", value: { limit: 1, unit } } }).load;
    expect(unitOf(ConcurrencyUnit.UNSPECIFIED)).to.include({ unit: "session" });
    expect(unitOf(ConcurrencyUnit.REQUEST)).to.include({ unit: "request" });
  });

  it("bounds the requests before their first token where that is asked for", () => {
    const load = { case: "concurrency" as const, value: { limit: 5 } };
    expect(planOf({ load, prefillConcurrency: 2 }).prefill).to.equal(2);
    expect(planOf({ load }).prefill).to.equal(undefined);
    const paced = planOf({ load: rate(5, ArrivalPattern.CONSTANT), prefillConcurrency: 2 });
    expect(paced.prefill).to.equal(2);
    expect(paced.load).to.include({ kind: "ceiling", concurrency: Number.POSITIVE_INFINITY, overload: "queue" });
  });

  it("paces a constant rate on its grid", () => {
    const [first = 0, second = 0, third = 0] = duesOf(planOf({ load: rate(100, ArrivalPattern.CONSTANT) }), 3);
    expect([second - first, third - second]).to.deep.equal([10, 10]);
  });

  it("draws Poisson arrivals from the run's seed: the same for the same, others for another", () => {
    const load = rate(100, ArrivalPattern.POISSON);
    const dues = duesOf(planOf({ load }), 50);
    expect(duesOf(planOf({ load }), 50)).to.deep.equal(dues);
    expect(duesOf(planOf({ load }, 1, 0, 8n), 50)).to.not.deep.equal(dues);
    const gaps = dues.map((due, index) => due - (dues[index - 1] ?? 0));
    expect(new Set(gaps).size).to.be.greaterThan(40);
  });

  it("paces gamma arrivals, bursts and a series of rates", () => {
    const gamma = { ratePerSec: 100, pattern: ArrivalPattern.GAMMA, smoothness: 4 };
    const even = duesOf(planOf({ load: { case: "rate", value: gamma } }), 400);
    expect(even.at(-1)).to.be.within(3600, 4400);
    const bursts = { bursts: { size: 2, intervalSec: 0.1 } };
    expect(duesOf(planOf({ load: { case: "rate", value: bursts } }), 4).map(Math.round)).to.deep.equal([0, 0, 100, 100]);
    const series = {
      pattern: ArrivalPattern.CONSTANT,
      series: [
        { atSec: 0, ratePerSec: 10 },
        { atSec: 0.5, ratePerSec: 10 },
        { atSec: 0.5, ratePerSec: 100 },
      ],
    };
    const dues = duesOf(planOf({ load: { case: "rate", value: series } }), 8).map(Math.round);
    expect(dues).to.deep.equal([0, 100, 200, 300, 400, 500, 510, 520]);
  });

  it("ramps a rate within its pacer, and limits beside it", () => {
    const ramp = (quantity: string) => ({ quantity, from: 1, durationSec: 2, shape: "linear", steps: 0 });
    const value = { ratePerSec: 19, pattern: ArrivalPattern.CONSTANT };
    const rising = duesOf(planOf({ load: { case: "rate", value }, ramps: [ramp("rate")] }), 22);
    expect(rising[20]).to.be.closeTo(2000, 0.01);
    const { ramps } = planOf({ load: { case: "concurrency", value: { limit: 5 } }, ramps: [ramp("concurrency")] });
    expect(ramps).to.deep.equal({ concurrency: { from: 1, to: 5, durationNs: 2e9, shape: "linear", steps: 0 } });
  });

  it("bounds a rate by its ceiling, and queues or drops what finds no place", () => {
    for (const [overload, expected] of [
      [Overload.QUEUE, "queue"],
      [Overload.DROP, "drop"],
    ] as const) {
      const { load } = planOf({ load: { case: "rate", value: { ratePerSec: 1, concurrencyCeiling: 3, overload } } });
      expect(load).to.include({ kind: "ceiling", concurrency: 3, overload: expected });
    }
  });

  it("plays conversations in the dataset's order, where the phase before it stopped", () => {
    const load = { case: "concurrency" as const, value: { limit: 1 } };
    const drawn = (before: number) => [0, 1, 2, 3].map((session) => planOf({ load }, 1, before).conversations.draw(session));
    expect(drawn(0).map((each) => each?.conversation)).to.deep.equal([0, 1, 2, 0]);
    expect(drawn(2).map((each) => [each?.conversation, each?.turns])).to.deep.equal([
      [2, 3],
      [0, 1],
      [1, 2],
      [2, 3],
    ]);
  });

  it("lets turns wait as the dataset says", () => {
    const load = { case: "concurrency" as const, value: { limit: 1 } };
    expect(planOf({ load }).conversations.delayNs).to.equal(undefined);
    const delayNs = (conversation: number, turn: number) => conversation + turn;
    const spec = create(RunSpecSchema, { phases: [{ name: "p", load }] });
    expect(planPhase(spec, 0, { ...DATASET, delayNs }, 0).conversations.delayNs?.(4, 3)).to.equal(7);
  });

  it("spreads sessions over the targets in turn", () => {
    const { conversations } = planOf({ load: { case: "concurrency", value: { limit: 1 } } }, 3);
    const targets = Array.from({ length: 30 }, (_, session) => conversations.turn?.({ session } as never).targetIndex);
    for (let round = 0; round < 30; round += 3) expect(targets.slice(round, round + 3)).to.have.members([0, 1, 2]);
    expect(targets).to.not.deep.equal(targets.map((_, session) => targets[session % 3]));
  });

  it("gives up the requests that the seed chooses, whatever turn they play", () => {
    const load = { case: "concurrency" as const, value: { limit: 1 } };
    const delays = (seed: bigint) => {
      const { conversations } = planOf({ load, cancellation: { share: 0.5, delaySec: 2 } }, 1, 0, seed);
      return Array.from({ length: 40 }, (_, index) => conversations.turn?.({ index } as never).cancelAfterNs);
    };
    expect(new Set(delays(7n))).to.deep.equal(new Set([2e9, undefined]));
    expect(delays(7n)).to.deep.equal(delays(7n));
    expect(delays(8n)).to.not.deep.equal(delays(7n));
    expect(planOf({ load }).conversations.turn?.({ index: 0 } as never).cancelAfterNs).to.equal(undefined);
  });

  it("plays a file's schedule, every conversation once, whatever was drawn before, below a ceiling where there is one", () => {
    const timed = { ...DATASET, timestampUs: (conversation: number) => (3 - conversation) * 1e6 };
    const value = { autoOffset: true, speedup: 2, concurrencyCeiling: 4, ceilingUnit: ConcurrencyUnit.REQUEST };
    const spec = create(RunSpecSchema, { phases: [{ name: "p", load: { case: "schedule", value } }] });
    const { load, stop, conversations } = planPhase(spec, 0, timed, 7);
    if (load.kind !== "timetable") expect.fail(`a ${load.kind} load`);
    expect([load.concurrency, load.unit, stop]).to.deep.equal([4, "request", {}]);
    expect([0, 1, 2].map(() => load.pacer.nextDueNs() / 1e9)).to.deep.equal([0, 0.5, 1]);
    expect([0, 1, 2, 3].map((session) => conversations.draw(session)?.conversation)).to.deep.equal([2, 1, 0, undefined]);
  });

  it("plays users, who go on with the conversations where the phase before stopped", () => {
    const value = { users: 2, ratePerSec: 1 };
    const spec = create(RunSpecSchema, { phases: [{ name: "p", load: { case: "userCentric", value } }] });
    const { load, conversations } = planPhase(spec, 0, DATASET, 1);
    if (load.kind !== "timetable") expect.fail(`a ${load.kind} load`);
    expect(load.concurrency).to.equal(Number.POSITIVE_INFINITY);
    const first = load.pacer.nextDueNs();
    // Who is new at the start has come last.
    expect([first, conversations.draw(0)?.conversation]).to.deep.equal([0, 2]);
  });

  it("is refused where there is no such phase, or no load that is played", () => {
    expect(() => planPhase(create(RunSpecSchema), 2, DATASET, 0)).to.throw("there is no phase 2");
    expect(() => planOf({})).to.throw("phase profiling has no load");
  });
});
