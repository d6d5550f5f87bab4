import { expect } from "chai";
import fc from "fast-check";
import type { DatasetShape } from "../../../../services/timing/core/dataset-shape.ts";
import { fixedSchedule, type ScheduleOptions } from "../../../../services/timing/core/fixed-schedule.ts";

/** Conversations by the timestamps of their turns, ms; NaN: none, and then the pause is 50 ms. */
function datasetOf(...conversations: readonly (readonly number[])[]): DatasetShape {
  return {
    conversations: conversations.length,
    turnsOf: (conversation) => conversations[conversation]?.length ?? 0,
    isMultiTurn: true,
    timestampUs: (conversation, turn) => (conversations[conversation]?.[turn] ?? Number.NaN) * 1e3,
    delayNs: (_, turn) => (turn === 0 ? 0 : 50e6),
    order: "sequential",
    samplingSeed: 1,
  };
}

function scheduleOf(dataset: DatasetShape, options: Partial<ScheduleOptions> = {}) {
  return fixedSchedule(dataset, { isAutoOffset: false, concurrency: Number.POSITIVE_INFINITY, unit: "session", ...options });
}

/** All sessions: when they begin, ms, which conversations they play, and how many turns. */
function sessionsOf({ load, draw }: ReturnType<typeof scheduleOf>) {
  const sessions: (readonly [number, number, number])[] = [];
  for (let session = 0; ; session++) {
    const dueNs = load.pacer.nextDueNs();
    const drawn = draw(session);
    if (drawn === undefined) {
      expect(dueNs).to.equal(Number.POSITIVE_INFINITY);
      return sessions;
    }
    sessions.push([dueNs / 1e6, drawn.conversation, drawn.turns]);
  }
}

const later = ({ load }: ReturnType<typeof scheduleOf>, conversation: number, turn: number, returnedMs: number): number =>
  load.laterDueNs({ conversation, turn, dueNs: 0 }, { startNs: 1e12, returnedNs: 1e12 + returnedMs * 1e6 }) / 1e6 - 1e6;

describe("a fixed schedule", () => {
  const dataset = datasetOf([300], [100, 250, 900], [100], [700, Number.NaN]);

  it("plays every conversation once, by its first timestamp, in the order of the file where these are equal", () => {
    expect(sessionsOf(scheduleOf(dataset))).to.deep.equal([
      [100, 1, 3],
      [100, 2, 1],
      [300, 0, 1],
      [700, 3, 2],
    ]);
  });

  it("counts time from 0, from the start offset, or from the first timestamp that is played", () => {
    const starts = (options: Partial<ScheduleOptions>) => sessionsOf(scheduleOf(dataset, options)).map(([atMs]) => atMs);
    expect(starts({ isAutoOffset: true })).to.deep.equal([0, 0, 200, 600]);
    expect(starts({ startMs: 50 })).to.deep.equal([50, 50, 250, 650]);
    expect(starts({ startMs: 101 })).to.deep.equal([199, 599]);
    expect(starts({ isAutoOffset: true, endMs: 300 })).to.deep.equal([0, 0, 200]);
  });

  it("takes what begins within its bounds, these included, and no turn beyond the end", () => {
    expect(sessionsOf(scheduleOf(dataset, { startMs: 100, endMs: 300 }))).to.deep.equal([
      [0, 1, 2],
      [0, 2, 1],
      [200, 0, 1],
    ]);
  });

  it("has a later turn at its own time, but not before the one before has returned", () => {
    const schedule = scheduleOf(dataset);
    expect(later(schedule, 1, 0, 120)).to.equal(250);
    expect(later(schedule, 1, 0, 400)).to.equal(400);
    expect(later(schedule, 1, 1, 400)).to.equal(900);
  });

  it("has a later turn without a timestamp its pause after the one before has returned", () => {
    expect(later(scheduleOf(dataset), 3, 0, 720)).to.equal(770);
  });

  it("goes faster, pauses included", () => {
    const schedule = scheduleOf(dataset, { isAutoOffset: true, speedup: 10 });
    expect(sessionsOf(schedule).map(([atMs]) => atMs)).to.deep.equal([0, 0, 20, 60]);
    expect([later(schedule, 1, 0, 1), later(schedule, 3, 0, 70)]).to.deep.equal([15, 75]);
  });

  it("cuts times in which nothing is due to the cap, before the first one too, and moves what comes after", () => {
    const schedule = scheduleOf(datasetOf([1000], [1400, 5000], [1410], [9000]), { idleGapCapNs: 100e6 });
    expect(sessionsOf(schedule).map(([atMs]) => atMs)).to.deep.equal([100, 200, 210, 410]);
    expect(later(schedule, 1, 0, 205)).to.equal(310);
  });

  it("keeps order and never makes a gap longer, whatever the times and the cap", () => {
    const times = fc.array(fc.nat(10_000), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(times, fc.integer({ min: 1, max: 3000 }), (timestamps, capMs) => {
        const plain = sessionsOf(scheduleOf(datasetOf(...timestamps.map((atMs) => [atMs]))));
        const cut = sessionsOf(scheduleOf(datasetOf(...timestamps.map((atMs) => [atMs])), { idleGapCapNs: capMs * 1e6 }));
        expect(cut.map(([, conversation]) => conversation)).to.deep.equal(plain.map(([, conversation]) => conversation));
        for (const [index, [atMs]] of cut.entries()) {
          const gap = (list: typeof cut) => (list[index]?.[0] ?? 0) - (list[index - 1]?.[0] ?? 0);
          expect(gap(cut)).to.be.closeTo(Math.min(capMs, gap(plain)), 1e-6);
          expect(atMs).to.be.at.most(plain[index]?.[0] ?? 0);
        }
      }),
    );
  });

  it("keeps its times to the microsecond where they count from 1970", () => {
    const from = 1_700_000_000_000;
    const schedule = scheduleOf(datasetOf([from], [from + 0.125], [from + 86_400_000]), { isAutoOffset: true });
    expect(sessionsOf(schedule).map(([atMs]) => atMs)).to.deep.equal([0, 0.125, 86_400_000]);
  });

  it("refuses a dataset without timestamps, one that lacks some, and bounds that nothing is within", () => {
    const untimed: DatasetShape = { ...dataset, timestampUs: undefined };
    expect(() => scheduleOf(untimed)).to.throw("needs a dataset with timestamps");
    expect(() => scheduleOf(datasetOf([1], [Number.NaN]))).to.throw("conversation 1 has no timestamp at its first turn");
    expect(() => scheduleOf(dataset, { startMs: 800 })).to.throw("no conversation begins between");
  });
});
