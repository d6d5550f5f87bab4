import { expect } from "chai";
import fc from "fast-check";
import { missesInRow, PreciseAlarm, restNs, threadTerms, timerTerms } from "../../../../services/worker/core/precise-alarm.ts";

const spinTurnNs = 3e3;
const { leadNs } = threadTerms;

/** A loop and a thread with a bell that the test plays; both know one clock. */
class Stage {
  now = 1e9;
  /** When the bell is asked to ring. */
  bellNs = Number.POSITIVE_INFINITY;
  turns: (() => void)[] = [];
  spunNs = 0;
  readonly woken: number[] = [];
  readonly wishes: number[] = [];
  readonly alarm: PreciseAlarm;

  constructor(terms = threadTerms) {
    this.alarm = new PreciseAlarm({
      terms,
      clock: () => this.now,
      defer: (turn) => void this.turns.push(turn),
      ringAt: (ns) => {
        this.bellNs = ns;
      },
      onSpun: (ns) => {
        this.spunNs += ns;
      },
      wake: () => {
        this.woken.push(this.now);
        const next = this.wishes.shift();
        if (next !== undefined) this.alarm.at(next);
      },
    });
  }

  /** The thread rings so long after it was asked to. */
  ring(lateNs: number): void {
    this.now = Math.max(this.now, this.bellNs + lateNs);
    this.bellNs = Number.POSITIVE_INFINITY;
    this.alarm.rang();
  }

  /** The loop turns until the alarm lets it sleep. */
  turn(turnNs = spinTurnNs): void {
    while (this.turns.length > 0) {
      this.now += turnNs;
      this.turns.shift()?.();
    }
  }
}

describe("the precise alarm", () => {
  it("has the bell rung before the moment, and turns the loop from there to the moment", () => {
    const stage = new Stage();
    const dueNs = stage.now + 10e6;
    stage.alarm.at(dueNs);
    expect(stage.bellNs).to.equal(dueNs - leadNs);
    expect(stage.turns).to.have.lengthOf(0);
    stage.ring(100e3);
    stage.turn();
    expect(stage.woken).to.have.lengthOf(1);
    expect(stage.woken[0]).to.be.within(dueNs, dueNs + spinTurnNs);
    expect(stage.spunNs).to.be.within(leadNs - 100e3, leadNs);
  });

  it("neither turns nor has anything rung while there is nothing to wake for", () => {
    const stage = new Stage();
    stage.alarm.at(stage.now + 10e6);
    stage.ring(0);
    stage.turn();
    expect(stage.bellNs).to.equal(Number.POSITIVE_INFINITY);
    expect(stage.alarm.isTurning).to.equal(false);
    stage.alarm.at(Number.POSITIVE_INFINITY);
    stage.alarm.rang();
    expect(stage.turns).to.have.lengthOf(0);
  });

  it("turns on to what is close behind, without the bell", () => {
    const stage = new Stage();
    const dueNs = stage.now + 1e6;
    stage.wishes.push(dueNs + 50e3, dueNs + 60e3);
    stage.alarm.at(dueNs);
    stage.ring(0);
    stage.turn();
    expect(stage.woken.map((ns) => Math.round((ns - dueNs) / 10e3))).to.deep.equal([0, 5, 6]);
    expect(stage.bellNs).to.equal(Number.POSITIVE_INFINITY);
  });

  it("wakes at the next turn for what is past", () => {
    const stage = new Stage();
    stage.alarm.at(stage.now - 5e6);
    expect(stage.woken).to.have.lengthOf(0);
    stage.turn();
    expect(stage.woken).to.have.lengthOf(1);
  });

  it("stops turning for what was recalled, and sleeps on for what was put off", () => {
    const stage = new Stage();
    const dueNs = stage.now + 1e6;
    stage.alarm.at(dueNs);
    stage.ring(0);
    stage.alarm.at(Number.POSITIVE_INFINITY);
    stage.turn();
    expect(stage.woken).to.have.lengthOf(0);
    stage.alarm.at(dueNs + 5e6);
    stage.alarm.at(dueNs + 9e6);
    expect(stage.bellNs).to.equal(dueNs + 9e6 - leadNs);
    // The bell of the earlier wish was ringing already.
    stage.alarm.rang();
    expect(stage.alarm.isTurning).to.equal(false);
    expect(stage.bellNs).to.equal(dueNs + 9e6 - leadNs);
  });

  it("does not count turns in which the loop had work to do", () => {
    const stage = new Stage();
    stage.alarm.at(stage.now + leadNs);
    stage.turn(40e3);
    expect(stage.woken).to.have.lengthOf(1);
    expect(stage.spunNs).to.equal(0);
  });

  it("sleeps until the bell for a while where turning does not help, and tries again", () => {
    const stage = new Stage();
    const aim = (turnNs: number): number => {
      const dueNs = stage.now + 5e6;
      stage.alarm.at(dueNs);
      const leftNs = dueNs - stage.bellNs;
      stage.ring(0);
      stage.turn(turnNs);
      return leftNs;
    };
    const made: number[] = [];
    for (let miss = 0; miss < missesInRow; miss++) made.push(aim(3e6));
    expect(made).to.deep.equal(Array(missesInRow).fill(leadNs));
    expect([aim(3e6), aim(spinTurnNs)]).to.deep.equal([0, 0]);
    stage.now += restNs;
    expect(aim(20e6), "tried again").to.equal(leadNs);
    expect(aim(spinTurnNs), "after one stall").to.equal(0);
    expect(stage.woken).to.have.lengthOf(missesInRow + 4);
  });

  it("turns for no more than a share of the time that it was asked ahead", () => {
    const stage = new Stage(timerTerms);
    const { leadNs: mostNs, leadShare } = timerTerms;
    for (const aheadNs of [100e6, 10e6, 2e6, 200e3]) {
      const dueNs = stage.now + aheadNs;
      const { spunNs } = stage;
      stage.alarm.at(dueNs);
      expect(dueNs - stage.bellNs, `${aheadNs} ns ahead`).to.be.closeTo(Math.min(mostNs, leadShare * aheadNs), 1);
      stage.ring(0);
      stage.turn();
      expect(stage.spunNs - spunNs, `${aheadNs} ns ahead`).to.be.at.most(leadShare * aheadNs + spinTurnNs);
    }
    const dueNs = stage.now + 2e6;
    stage.alarm.at(dueNs);
    stage.ring(900e3);
    stage.turn();
    expect(stage.woken.at(-1), "rung too late to turn").to.be.within(dueNs, dueNs + 900e3);
  });

  it("goes on turning where moments are missed now and then, or were past when they were wished for", () => {
    const stage = new Stage();
    for (let index = 0; index < 3 * missesInRow; index++) {
      stage.alarm.at(stage.now - 9e6);
      stage.turn();
      stage.alarm.at(stage.now + 5e6);
      stage.ring(0);
      stage.turn(index % 2 === 0 ? 3e6 : spinTurnNs);
    }
    const dueNs = stage.now + 5e6;
    stage.alarm.at(dueNs);
    expect(dueNs - stage.bellNs).to.equal(leadNs);
  });

  it("wakes no more once it is closed, though it turns or the bell rings", () => {
    for (const isTurning of [true, false]) {
      const stage = new Stage();
      stage.alarm.at(stage.now + 1e6);
      if (isTurning) stage.ring(0);
      stage.alarm.close();
      if (!isTurning) stage.ring(0);
      stage.turn();
      stage.alarm.at(stage.now);
      expect([stage.turns.length, stage.woken.length, stage.alarm.isTurning]).to.deep.equal([0, 0, false]);
    }
  });

  it("misses no moment and is never early, whatever is wished, rung and turned when", () => {
    const step = fc.oneof(
      fc.record({ wishNs: fc.integer({ min: -1e6, max: 2e6 }) }),
      fc.record({ passNs: fc.integer({ min: 0, max: 500e3 }) }),
      fc.constant("turn" as const),
      fc.constant("ring" as const),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const stage = new Stage();
        let wishNs = Number.POSITIVE_INFINITY;
        let seen = 0;
        const look = (): void => {
          if (stage.woken.length === seen) return;
          expect(stage.woken.at(-1)).to.be.at.least(wishNs);
          expect(stage.woken.length).to.equal(++seen);
          wishNs = Number.POSITIVE_INFINITY;
        };
        for (const each of steps) {
          if (each === "turn") stage.turns.splice(0, 1)[0]?.();
          else if (each === "ring") stage.alarm.rang();
          else if ("passNs" in each) stage.now += each.passNs;
          else {
            wishNs = stage.now + each.wishNs;
            stage.alarm.at(wishNs);
          }
          look();
        }
        stage.turn();
        look();
        if (wishNs < Number.POSITIVE_INFINITY) stage.ring(0);
        stage.turn();
        look();
        expect(wishNs).to.equal(Number.POSITIVE_INFINITY);
      }),
    );
  });
});
