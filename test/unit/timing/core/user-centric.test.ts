import { expect } from "chai";
import type { DatasetShape } from "../../../../services/timing/core/dataset-shape.ts";
import { initialUsers, userCentricLoad } from "../../../../services/timing/core/user-centric.ts";

function datasetOf(turns: number, conversations = 1000): DatasetShape {
  return { conversations, turnsOf: () => turns, isMultiTurn: true, order: "sequential", samplingSeed: 1 };
}

function loadOf(users: number, turns: number, ratePerSec = 1) {
  return userCentricLoad(datasetOf(turns), {
    users,
    ratePerSec,
    conversationOf: (user) => user % 1000,
    concurrency: Number.POSITIVE_INFINITY,
    unit: "session",
  });
}

/** The first sessions: when they begin, s, and how many turns they have. */
function sessionsOf({ load, draw }: ReturnType<typeof loadOf>, count: number) {
  return Array.from({ length: count }, (_, session) => {
    const atSec = load.pacer.nextDueNs() / 1e9;
    return [atSec, draw(session)?.turns] as const;
  });
}

describe("user-centric load", () => {
  it("begins with users of all ages, one step apart: 15 users of 20 turns", () => {
    expect(sessionsOf(loadOf(15, 20), 15)).to.deep.equal([
      [0, 20],
      [1, 6],
      [2, 11],
      [3, 16],
      [4, 2],
      [5, 7],
      [6, 12],
      [7, 17],
      [8, 3],
      [9, 8],
      [10, 13],
      [11, 18],
      [12, 4],
      [13, 9],
      [14, 14],
    ]);
  });

  it("gives every user a step of its own, also where users and turns have a common divisor", () => {
    for (const users of [1, 2, 3, 6, 10, 12, 60]) {
      for (const turns of [1, 2, 3, 4, 7, 13, 25]) {
        const steps = initialUsers(users, turns).map(({ step }) => step);
        expect(new Set(steps).size, `${users} users of ${turns} turns`).to.equal(steps.length);
        expect([...steps].sort((a, b) => a - b)).to.deep.equal(steps);
        expect(steps[0]).to.equal(0);
      }
    }
  });

  it("replaces whoever is done one gap after its last turn, for ever at the rate asked for", () => {
    const load = loadOf(4, 5, 2);
    expect(load.load.pacer.rateAt?.(0)).to.equal(2);
    const due: number[] = [];
    for (const [atSec, turns = 0] of sessionsOf(load, 2000)) {
      // A user sends every users/rate = 2 s.
      for (let turn = 0; turn < turns; turn++) due.push(atSec + turn * 2);
    }
    due.sort((a, b) => a - b);
    // Of the sessions that begin later nothing is due yet.
    const until = due.slice(0, 4000);
    for (const [index, atSec] of until.entries()) if (index > 20) expect(atSec - (until[index - 1] ?? 0)).to.equal(0.5);
  });

  it("lets the next turn follow a gap after the one before was due, or the answer where that came later", () => {
    const { load } = loadOf(3, 4, 1);
    const at = (dueNs: number, returnedNs: number) =>
      load.laterDueNs({ conversation: 0, turn: 0, dueNs }, { startNs: 100, returnedNs });
    expect(at(5e9, 6e9)).to.equal(8e9);
    expect(at(5e9, 9e9)).to.equal(9e9);
  });

  it("plays conversations in the order in which users come, and no more turns than they have", () => {
    const drawn: number[] = [];
    const load = userCentricLoad(
      { ...datasetOf(1), turnsOf: (conversation) => (conversation === 1 ? 2 : 6) },
      {
        users: 3,
        ratePerSec: 1,
        conversationOf: (user) => {
          drawn.push(user);
          return user;
        },
        concurrency: 5,
        unit: "request",
      },
    );
    const turns = sessionsOf(load, 6).map(([, count]) => count);
    expect(new Set(drawn).size).to.equal(6);
    expect([...drawn].sort((a, b) => a - b)).to.deep.equal([0, 1, 2, 3, 4, 5]);
    expect(Math.max(...turns.map((count) => count ?? 0))).to.equal(6);
    expect(load.load).to.include({ kind: "timetable", concurrency: 5, unit: "request" });
  });

  it("refuses users and rates that are none", () => {
    expect(() => loadOf(0, 3)).to.throw("users must be at least 1, got 0");
    expect(() => loadOf(3, 3, 0)).to.throw("rate must be > 0, got 0");
  });
});
