import { expect } from "chai";
import { permutation, randomStream } from "../../../services/common/random.ts";
import { constantPacer } from "../../../services/timing/core/pacers/constant.ts";
import type { PhaseSpec } from "../../../services/timing/core/phase.ts";
import { TargetLoads } from "../../../services/timing/core/targets.ts";
import { Bench, type BenchWorker, MS } from "./bench.ts";

/** In turn, without the order within a round being drawn: what is most in step with the dealing. */
const inStep = (targets: number) => (session: number) => session % targets;
const drawn = (targets: number) => (session: number) =>
  permutation(randomStream(7, "targets", 0, Math.floor(session / targets)), targets)[session % targets] ?? 0;

function conversationsOn(targetOf: (session: number) => number): PhaseSpec["conversations"] {
  return {
    isMultiTurn: false,
    draw: (session) => ({ conversation: session, turns: 1 }),
    turn: ({ session }) => ({ targetIndex: targetOf(session) }),
  };
}

function benchOf(workers: number, targets: number): Bench {
  const bench = new Bench(undefined, new TargetLoads(targets));
  for (let n = 0; n < workers; n++) bench.join(`w-${n}`);
  return bench;
}

/** How many of its requests each target has had from a worker. */
function metBy({ fired }: BenchWorker, targets: number): number[] {
  const counts = new Array<number>(targets).fill(0);
  for (const { targetIndex } of fired) counts[targetIndex] = (counts[targetIndex] ?? 0) + 1;
  return counts;
}

const sizes: readonly [workers: number, targets: number][] = [
  [2, 2],
  [4, 4],
  [4, 2],
  [3, 2],
  [2, 3],
  [1, 4],
];

describe("several targets and several workers", () => {
  for (const [workers, targets] of sizes) {
    it(`share a closed loop's first requests evenly: ${targets} targets on each of ${workers} workers`, () => {
      const bench = benchOf(workers, targets);
      bench.closed(workers * 120, {
        stop: { requestCount: workers * 120 },
        conversations: conversationsOn(inStep(targets)),
      });
      for (const worker of bench.workers) {
        worker.talk();
        for (const count of metBy(worker, targets)) expect(count).to.be.closeTo(120 / targets, 2);
      }
    });

    it(`share an open loop evenly while nothing comes back: ${targets} targets on each of ${workers} workers`, () => {
      const bench = benchOf(workers, targets);
      bench.start({
        load: { kind: "open", pacer: constantPacer(1000) },
        stop: { requestCount: workers * 120 },
        conversations: conversationsOn(inStep(targets)),
      });
      bench.live(workers * 150 * MS);
      for (const worker of bench.workers) {
        for (const count of metBy(worker, targets)) expect(count).to.be.closeTo(120 / targets, 2);
      }
    });
  }

  it("stay mixed in a closed loop whose requests all take the same time, where credits go out one by one", () => {
    const bench = benchOf(2, 2);
    bench.closed(2, { stop: { requestCount: 2000 }, conversations: conversationsOn(drawn(2)) });
    for (let round = 0; bench.reports.length === 0 && round < 2000; round++) {
      for (const worker of bench.workers) {
        worker.talk();
        const last = worker.fired.at(-1);
        if (last !== undefined) worker.end(last.id);
        worker.talk();
      }
      bench.pass(60 * MS);
    }
    for (const worker of bench.workers) {
      const [one = 0, other = 0] = metBy(worker, 2);
      expect(one + other).to.be.closeTo(1000, 20);
      expect(one).to.be.closeTo(500, 80);
    }
    const [all = 0] = metBy({ fired: bench.workers.flatMap(({ fired }) => fired) } as BenchWorker, 2);
    expect(all).to.equal(1000);
  });
});
