import { expect } from "chai";
import { spreadPauses } from "../../../../services/timing/core/pause-spread.ts";

const pausesOf = (spread: { sigma: number; minMs?: number; maxMs?: number }, seed = 1) =>
  spreadPauses(
    (_, turn) => (turn === 0 ? 0 : 100e6),
    [{ conversation: 1, branches: [], isSilent: true, spread: { minMs: undefined, maxMs: undefined, ...spread } }],
    seed,
  );

describe("spread pauses", () => {
  it("have their median where the dataset has the pause, and differ from session to session", () => {
    const delayNs = pausesOf({ sigma: 0.5 });
    const drawn = Array.from({ length: 1001 }, (_, session) => delayNs(1, 1, session) / 1e6).sort((a, b) => a - b);
    expect(drawn[500]).to.be.within(90, 110);
    // A normal's quartiles are 0.674 deviations away.
    expect(Math.log((drawn[750] as number) / (drawn[250] as number))).to.be.within(0.6, 0.75);
  });

  it("are the same for the same seed, session and turn", () => {
    expect(pausesOf({ sigma: 1 })(1, 2, 3)).to.equal(pausesOf({ sigma: 1 })(1, 2, 3));
    expect(pausesOf({ sigma: 1 }, 2)(1, 2, 3)).not.to.equal(pausesOf({ sigma: 1 })(1, 2, 3));
  });

  it("stay within their bounds, and below a week", () => {
    const delayNs = pausesOf({ sigma: 9, minMs: 80, maxMs: 120 });
    for (let session = 0; session < 100; session++) expect(delayNs(1, 1, session)).to.be.within(80e6, 120e6);
    const wide = pausesOf({ sigma: 10 });
    for (let session = 0; session < 1000; session++) expect(wide(1, 1, session)).to.be.at.most(604_800e9);
  });

  it("leave pauses of nothing and other conversations alone", () => {
    const delayNs = pausesOf({ sigma: 1 });
    expect([delayNs(1, 0, 5), delayNs(2, 1, 5)]).to.deep.equal([0, 100e6]);
  });
});
