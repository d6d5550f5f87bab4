import { expect } from "chai";
import { UrlStrategy } from "../../../../gen/assay/common/v1/run_spec_pb.js";
import { permutation, randomStream } from "../../../../services/common/random.ts";
import { type TargetDraw, TargetLoads, targetChoice } from "../../../../services/timing/core/targets.ts";

const seed = 7;

function chooserOf(strategy: UrlStrategy, weights: readonly number[], loads = new TargetLoads(weights.length)) {
  const random = randomStream(seed, "targets", 0);
  const urls = weights.map((weight) => ({ weight }));
  const orderOf = (round: number): Uint32Array => permutation(randomStream(seed, "targets", 0, round), urls.length);
  return targetChoice({ strategy, urls, loads, random: () => random.next(), orderOf });
}

const equal = [1, 1, 1];
/** Two turns of each of four sessions, side by side; conversations begin again after the third. */
const turns: readonly TargetDraw[] = [0, 1, 2, 3, 0, 1, 2, 3].map((session) => ({ session, conversation: session % 3 }));

describe("the choice among several targets", () => {
  it("takes each target once a round, however long it goes on, and a session with all its turns", () => {
    const choose = chooserOf(UrlStrategy.ROUND_ROBIN, equal);
    const sessions = Array.from({ length: 3000 }, (_, session) => choose({ session, conversation: 0 }));
    for (let first = 0; first < sessions.length; first += 3) {
      expect(sessions.slice(first, first + 3).sort()).to.deep.equal([0, 1, 2]);
    }
    expect(sessions.map((_, session) => choose({ session, conversation: 1 }))).to.deep.equal(sessions);
  });

  it("is in step with nobody who takes every n-th session", () => {
    const choose = chooserOf(UrlStrategy.ROUND_ROBIN, [1, 1, 1, 1]);
    for (const every of [2, 3, 4, 8, 12]) {
      const counts = [0, 0, 0, 0];
      for (let taken = 0; taken < 4000; taken++) {
        const target = choose({ session: taken * every, conversation: 0 });
        counts[target] = (counts[target] ?? 0) + 1;
      }
      for (const count of counts) expect(count, `every ${every}`).to.be.closeTo(1000, 120);
    }
  });

  it("keeps each conversation on one target, however often it is played", () => {
    expect(turns.map(chooserOf(UrlStrategy.SESSION, [1, 1]))).to.deep.equal([0, 1, 0, 0, 0, 1, 0, 0]);
  });

  it("goes where the fewest requests are out, the first of those", () => {
    const loads = new TargetLoads(3);
    const choose = chooserOf(UrlStrategy.LEAST_LOADED, equal, loads);
    const issue = (): number => {
      const target = choose({ session: 0, conversation: 0 });
      loads.issued(target);
      return target;
    };
    expect([issue(), issue(), issue(), issue()]).to.deep.equal([0, 1, 2, 0]);
    loads.ended(2);
    loads.ended(1);
    expect([issue(), issue(), issue(), issue()]).to.deep.equal([1, 2, 1, 2]);
    expect([0, 1, 2].map((target) => loads.out(target))).to.deep.equal([2, 2, 2]);
  });

  it("draws by weight: in proportion, the same for the same seed, and never one without weight", () => {
    const drawn = Array.from({ length: 40_000 }, chooserOf(UrlStrategy.WEIGHTED, [3, 0, 1, 0]) as () => number);
    const shares = [0, 1, 2, 3].map((target) => drawn.filter((each) => each === target).length / drawn.length);
    expect(shares[0]).to.be.closeTo(0.75, 0.01);
    expect(shares[2]).to.be.closeTo(0.25, 0.01);
    expect([shares[1], shares[3]]).to.deep.equal([0, 0]);
    const again = Array.from({ length: 100 }, chooserOf(UrlStrategy.WEIGHTED, [3, 0, 1, 0]) as () => number);
    expect(again).to.deep.equal(drawn.slice(0, 100));
  });

  it("keeps to targets with a weight also where rounding leaves something over", () => {
    const choose = targetChoice({
      strategy: UrlStrategy.WEIGHTED,
      urls: [{ weight: 0.1 }, { weight: 0.2 }, { weight: 0 }],
      loads: new TargetLoads(3),
      random: () => 1,
      orderOf: () => [0, 1, 2],
    });
    expect(choose({ session: 0, conversation: 0 })).to.equal(1);
  });

  // A server three times as slow holds its requests three times as long: by load it gets a quarter of them, in turn a half.
  for (const [title, strategy, share] of [
    ["gives a slow target what it can serve", UrlStrategy.LEAST_LOADED, 0.25],
    ["in turn does not look at load", UrlStrategy.ROUND_ROBIN, 0.5],
  ] as const) {
    it(`${title}, in a closed loop of eight`, () => {
      const loads = new TargetLoads(2);
      const choose = chooserOf(strategy, [1, 1], loads);
      const serviceMs = [10, 30];
      const ends: { readonly atMs: number; readonly target: number }[] = [];
      const counts = [0, 0];
      let session = 0;
      const send = (nowMs: number): void => {
        const target = choose({ session, conversation: session++ });
        loads.issued(target);
        counts[target] = (counts[target] ?? 0) + 1;
        ends.push({ atMs: nowMs + (serviceMs[target] ?? 0), target });
      };
      for (let slot = 0; slot < 8; slot++) send(0);
      while (session < 4000) {
        ends.sort((a, b) => a.atMs - b.atMs);
        const first = ends.shift();
        if (first === undefined) break;
        loads.ended(first.target);
        send(first.atMs);
      }
      expect((counts[1] ?? 0) / 4000).to.be.closeTo(share, 0.02);
    });
  }
});
