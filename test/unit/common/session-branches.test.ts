import { expect } from "chai";
import { type BranchingConversation, packBranches, unpackBranches } from "../../../services/common/session-branches.ts";

const branching: readonly BranchingConversation[] = [
  {
    conversation: 0,
    isSilent: false,
    spread: undefined,
    branches: [
      { mode: "spawn", afterTurn: -1, children: [3], joinAt: undefined },
      { mode: "spawn", afterTurn: 0, children: [1, 2], joinAt: 4 },
      { mode: "fork", afterTurn: 300, children: [4], joinAt: undefined },
    ],
  },
  {
    conversation: 5,
    isSilent: true,
    spread: { sigma: 0.25, minMs: 0, maxMs: undefined },
    branches: [{ mode: "spawn", afterTurn: 0, children: [3], joinAt: 1 }],
  },
];

describe("packed branches", () => {
  it("are what was packed", () => {
    expect(unpackBranches(packBranches(branching), 6)).to.deep.equal(branching);
    expect(packBranches([])).to.have.length(0);
  });

  it("have their pauses scaled", () => {
    const [one] = unpackBranches(packBranches([{ ...branching[1]!, spread: { sigma: 1, minMs: 10, maxMs: 200 } }], 0.5), 6);
    expect(one?.spread).to.deep.equal({ sigma: 1, minMs: 5, maxMs: 100 });
  });

  it("take a few bytes a branch", () => {
    expect(packBranches(branching)).to.have.length.below(40);
  });

  it("are refused where they name a conversation that there is not, or end in between", () => {
    const packed = packBranches(branching);
    expect(() => unpackBranches(packed, 5)).to.throw("conversation 5, the dataset has 5");
    expect(() => unpackBranches(packed.subarray(0, packed.length - 1), 6)).to.throw("varint ends");
  });
});
