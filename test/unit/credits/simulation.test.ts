import { expect } from "chai";
import { seededRandom } from "./simulation/clockwork.ts";
import { randomPlan } from "./simulation/plan.ts";
import { describeFailure, shrink } from "./simulation/shrink.ts";
import { runPlan } from "./simulation/world.ts";

/*
 * What is held in every history:
 * P1 never more requests on the wire than asked, no request twice; unless stopped, asked = sent + lost + dropped (+ abandoned
 *    turns); without a fault, sent = asked
 * P2 the target's own count of open requests stays within the concurrency
 * P3 the classes of a closed phase partition its drawn ids
 * P4 one row a credit; an acked record is committed; what is published is what is stored
 * P5 every step ends within its bound; a worker is lost only when something was wrong with it
 * P6 no credit is sent twice, none vanishes, whatever a recall meets
 * P7 the turns of a session in order, on the worker that has its history
 */
const HISTORIES = Number(process.env.ASSAY_SIM_HISTORIES ?? 10_000);
const PER_TEST = 1_000;

function planOf(seed: number) {
  return randomPlan(seed, seededRandom(seed));
}

describe("random histories of the credit protocol", () => {
  const only = process.env.ASSAY_SIM_SEED;
  const [first, last] = only === undefined ? [1, HISTORIES] : [Number(only), Number(only)];

  for (let from = first; from <= last; from += PER_TEST) {
    const to = Math.min(from + PER_TEST - 1, last);
    it(`keep every promise, on one host and on several, by seeds ${from} to ${to}`, function () {
      this.timeout(180_000);
      for (let seed = from; seed <= to; seed++) {
        const { violations } = runPlan(planOf(seed));
        if (violations.length > 0) expect.fail(describeFailure(shrink(planOf(seed))));
      }
    });
  }

  it("are the same every time for the same seed", () => {
    const { events, sent, closed } = runPlan(planOf(7));
    expect(runPlan(planOf(7))).to.deep.include({ events, sent, closed });
  });

  it("meet what they are meant to meet: requests, lost workers, unused, dropped, lost and missing credits, rows in every shard", () => {
    const met = {
      sent: 0,
      lostWorkers: 0,
      unused: 0,
      dropped: 0,
      missingLost: 0,
      missingRecord: 0,
      incomplete: 0,
      inAllOfThree: 0,
    };
    for (let seed = 1; seed <= 400; seed++) {
      const { sent, lostWorkers, closed, rows } = runPlan(planOf(seed));
      met.sent += sent;
      met.lostWorkers += lostWorkers;
      if (rows.length === 3 && !rows.includes(0)) met.inAllOfThree++;
      for (const phase of closed) {
        met.unused += phase.unused;
        met.dropped += phase.dropped;
        met.missingLost += phase.missingLost.count;
        met.missingRecord += phase.missingRecord.count;
        met.incomplete += phase.isIncomplete ? 1 : 0;
      }
    }
    for (const [what, count] of Object.entries(met)) expect(count, what).to.be.greaterThan(0);
  });

  it("meet hosts that are cut off or gone, with rows in several shards and records by several processors", () => {
    const met = { partition_host: 0, kill_host: 0, kill_processor: 0, kill_manager: 0, shards: 0, processors: 0 };
    for (let seed = 1; seed <= 400; seed++) {
      const { hosts, shards, processors, faults } = planOf(seed);
      if (hosts === 1) continue;
      for (const { kind } of faults) if (kind in met) met[kind as keyof typeof met]++;
      if (shards > 1) met.shards++;
      if (processors > 1) met.processors++;
    }
    for (const [what, count] of Object.entries(met)) expect(count, what).to.be.greaterThan(10);
  });

  it("that fail are shrunk to the faults that they need", () => {
    const plan = planOf(3);
    const faults = [
      { kind: "cut_records", atMs: 1, worker: 0 },
      { kind: "stall_timing", atMs: 2, forMs: 30 },
      { kind: "join_worker", atMs: 3 },
    ] as const;
    const shrunk = shrink({ ...plan, faults }, (candidate) => candidate.faults.some(({ kind }) => kind === "stall_timing"));
    expect(shrunk.faults.map(({ kind }) => kind)).to.deep.equal(["stall_timing"]);
    expect(shrunk.workers).to.equal(1);
  });
});
