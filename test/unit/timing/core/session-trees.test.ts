import { expect } from "chai";
import type { Credit } from "../../../../services/common/credits.ts";
import type { Branch } from "../../../../services/common/session-branches.ts";
import { SessionTrees } from "../../../../services/timing/core/session-trees.ts";

/** Turns and branches by conversation. */
type Shape = readonly (readonly [turns: number, ...branches: Branch[]])[];

const spawn = (afterTurn: number, children: number[], joinAt?: number): Branch => ({
  mode: "spawn",
  afterTurn,
  children,
  joinAt,
});
const fork = (afterTurn: number, children: number[]): Branch => ({ mode: "fork", afterTurn, children, joinAt: undefined });

function treesOf(
  shape: Shape,
  silent: readonly number[] = [],
): { trees: SessionTrees; begin: (conversation: number) => Credit[] } {
  let ids = 0;
  const branches = {
    of: (conversation: number) => shape[conversation]!.slice(1) as Branch[],
    turnsOf: (conversation: number) => shape[conversation]![0],
    isSilent: (conversation: number) => silent.includes(conversation),
  };
  const trees = new SessionTrees(branches, 0, () => ids++);
  return { trees, begin: (conversation) => trees.begin(conversation, branches.turnsOf(conversation), ids++) };
}

const credit = (sessionId: number, turn: number): Credit => ({
  id: 1,
  phase: 0,
  conversation: 0,
  turn,
  turns: 9,
  sessionId,
  countsTowardTarget: true,
  dueNs: 0,
  targetIndex: 0,
  index: 0,
});

/** Sessions and turns that may be played. */
const playable = (previous: readonly Credit[]) => previous.map(({ sessionId, turn }) => [sessionId, turn + 1]);

describe("trees of sessions", () => {
  it("let children begin after the turn that names them, and the turn that joins when all are over", () => {
    const { trees, begin } = treesOf([[3, spawn(0, [1, 2], 2)], [1], [2]]);
    expect(begin(0)).to.deep.equal([]);
    expect(playable(trees.played(credit(0, 0)))).to.deep.equal([
      [1, 0],
      [2, 0],
      [0, 1],
    ]);
    expect(trees.played(credit(0, 1)), "turn 2 waits for both").to.deep.equal([]);
    expect(trees.played(credit(1, 0))).to.deep.equal([]);
    expect(playable(trees.played(credit(2, 0)))).to.deep.equal([[2, 1]]);
    expect(playable(trees.played(credit(2, 1)))).to.deep.equal([[0, 2]]);
    expect(trees.open).to.equal(1);
    trees.played(credit(0, 2));
    expect(trees.open).to.equal(0);
  });

  it("do not hold a turn whose children are over already", () => {
    const { trees, begin } = treesOf([[3, spawn(0, [1], 2)], [1]]);
    begin(0);
    trees.played(credit(0, 0));
    expect(trees.played(credit(1, 0))).to.deep.equal([]);
    expect(playable(trees.played(credit(0, 1)))).to.deep.equal([[0, 2]]);
  });

  it("name parent, root, depth and the turn that is forked", () => {
    const { trees, begin } = treesOf([[2, fork(1, [1])], [1, spawn(0, [2])], [1]]);
    begin(0);
    trees.played(credit(0, 0));
    const [child] = trees.played(credit(0, 1));
    expect(child).to.include({ conversation: 1, turns: 1, parentSession: 0, rootSession: 0, agentDepth: 1, forkedAt: 1 });
    const [below] = trees.played(credit(1, 0));
    expect(below).to.include({ conversation: 2, parentSession: 1, rootSession: 0, agentDepth: 2, forkedAt: undefined });
    expect([trees.forksAfter(0, 0), trees.forksAfter(0, 1), trees.forksAfter(1, 0)]).to.deep.equal([0, 1, 0]);
  });

  it("send a fork where its parent is sent, and a spawn where it likes", () => {
    const { trees, begin } = treesOf([[2, fork(0, [1]), spawn(0, [2])], [1], [1]]);
    begin(0);
    trees.played(credit(0, 0));
    expect([trees.homeOf(1), trees.homeOf(2)]).to.deep.equal([
      { conversation: 0, session: 0 },
      { conversation: 2, session: 2 },
    ]);
  });

  it("begin what is to begin together with a session at once, below it, too", () => {
    const { begin } = treesOf([[1, spawn(-1, [1])], [1, spawn(-1, [2])], [1]]);
    expect(playable(begin(0))).to.deep.equal([
      [1, 0],
      [2, 0],
    ]);
  });

  it("are open until the last of their sessions is over, and bound how many there are", () => {
    const { trees, begin } = treesOf([[1, fork(0, [1])], [1]]);
    trees.limit = 1;
    expect(trees.isFull).to.equal(false);
    begin(0);
    trees.played(credit(0, 0));
    expect([trees.open, trees.isFull]).to.deep.equal([1, true]);
    trees.played(credit(1, 0));
    expect([trees.open, trees.isFull]).to.deep.equal([0, false]);
  });

  it("take a failed child for one that is over", () => {
    const { trees, begin } = treesOf([[2, spawn(0, [1], 1)], [3]]);
    begin(0);
    trees.played(credit(0, 0));
    const { turns, sessions, released } = trees.end(1, 1, 0);
    expect([turns, sessions]).to.deep.equal([2, 1]);
    expect(playable(released === undefined ? [] : [released])).to.deep.equal([[0, 1]]);
  });

  it("count what a failed parent does not begin any more, and let go on what has begun", () => {
    const { trees, begin } = treesOf([[4, spawn(0, [1], 3), fork(3, [2])], [2], [1, spawn(0, [3])], [5]]);
    begin(0);
    trees.played(credit(0, 0));
    // Turn 1 failed: 2 turns of its own, the fork with 1, and that one's child with 5.
    expect(trees.end(0, 2, 1)).to.deep.equal({ turns: 8, sessions: 3, released: undefined });
    expect(trees.open).to.equal(1);
    expect(playable(trees.played(credit(1, 0)))).to.deep.equal([[1, 1]]);
    trees.played(credit(1, 1));
    expect(trees.open).to.equal(0);
  });

  it("count no request of a session that sends none", () => {
    const { trees, begin } = treesOf([[3, spawn(0, [1], 1), spawn(1, [1], 2)], [2]], [0]);
    begin(0);
    expect(trees.end(0, 0, 0)).to.deep.equal({ turns: 4, sessions: 3, released: undefined });
  });
});
