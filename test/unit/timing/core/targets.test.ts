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

  describe("where a target cannot be reached", () => {
    /** Draws one request after the other, each back before the next; `isThere` says of each draw whether the second target is. */
    function drawn(count: number, isThere: (draw: number) => boolean, loads = new TargetLoads(2)): number[] {
      return Array.from({ length: count }, (_, draw) => {
        const target = loads.draw();
        loads.issued(target);
        loads.ended(target, target === 1 && !isThere(draw) ? "unreached" : undefined);
        return target;
      });
    }
    /** The draws at which the second target was taken. */
    const takenOf = (targets: readonly number[]): number[] => targets.flatMap((target, draw) => (target === 1 ? [draw] : []));

    /** As `drawn`, beside one request that stays out with the first target, so that the second has the fewest out. */
    function besideOne(count: number, isThere: (draw: number) => boolean): number[] {
      const loads = new TargetLoads(2);
      loads.issued(0);
      return drawn(count, isThere, loads);
    }

    it("tries it again after 2 draws, then after twice as many each time, 128 at most", () => {
      const taken = takenOf(besideOne(1000, () => false));
      const pauses = taken.slice(1).map((draw, index) => draw - (taken[index] ?? 0) - 1);
      expect(taken[0]).to.equal(0);
      expect(pauses.slice(0, 9)).to.deep.equal([2, 4, 8, 16, 32, 64, 128, 128, 128]);
    });

    it("takes it as before once it has been there again, whatever it answered", () => {
      const taken = takenOf(besideOne(300, (draw) => draw > 20));
      const back = taken.findIndex((draw) => draw > 20);
      expect(taken[back]).to.be.at.most(20 + 1 + 32);
      expect(taken.slice(back)).to.deep.equal(Array.from({ length: 300 - (taken[back] ?? 0) }, (_, n) => (taken[back] ?? 0) + n));
    });

    it("sends one request there to try it, and no other until that is back", () => {
      const loads = new TargetLoads(2);
      loads.issued(1);
      loads.ended(1, "unreached");
      const draws = Array.from({ length: 50 }, () => {
        const target = loads.draw();
        loads.issued(target);
        return target;
      });
      expect(takenOf(draws)).to.deep.equal([2]);
      loads.ended(1);
      expect(loads.draw()).to.equal(1);
    });

    it("does not take what was on its way when it went down for further tries", () => {
      const loads = new TargetLoads(2);
      for (let n = 0; n < 8; n++) loads.issued(1);
      for (let n = 0; n < 8; n++) loads.ended(1, "unreached");
      expect([loads.draw(), loads.draw(), loads.draw()]).to.deep.equal([0, 0, 1]);
    });

    it("tries it again at once where the request that was to try it never did", () => {
      const loads = new TargetLoads(2);
      loads.issued(1);
      loads.ended(1, "unreached");
      expect([loads.draw(), loads.draw(), loads.draw(), loads.draw()]).to.deep.equal([0, 0, 1, 0]);
      loads.ended(1, "untried");
      expect(loads.draw()).to.equal(1);
    });

    it("takes all of them where none can be reached", () => {
      const loads = new TargetLoads(2);
      const targets = Array.from({ length: 10 }, () => {
        const target = loads.draw();
        loads.issued(target);
        if (loads.out(0) + loads.out(1) === 2) for (const each of [0, 1]) loads.ended(each, "unreached");
        return target;
      });
      expect(targets.filter((target) => target === 1)).to.have.length(5);
    });

    it("gives a dead one next to nothing of a closed loop, though it answers fastest", () => {
      const loads = new TargetLoads(2);
      const serviceMs = [10, 0.1];
      const ends: { readonly atMs: number; readonly target: number }[] = [];
      const counts = [0, 0];
      const send = (nowMs: number): void => {
        const target = loads.draw();
        loads.issued(target);
        counts[target] = (counts[target] ?? 0) + 1;
        ends.push({ atMs: nowMs + (serviceMs[target] ?? 0), target });
      };
      for (let slot = 0; slot < 8; slot++) send(0);
      for (let request = 0; request < 4000; request++) {
        ends.sort((a, b) => a.atMs - b.atMs);
        const first = ends.shift();
        if (first === undefined) break;
        loads.ended(first.target, first.target === 1 ? "unreached" : undefined);
        send(first.atMs);
      }
      expect(counts[1]).to.be.within(30, 45);
    });
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
