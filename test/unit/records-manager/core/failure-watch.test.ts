import { expect } from "chai";
import { FailureWatch } from "../../../../services/records-manager/core/failure-watch.ts";

const limit = { phase: 1, share: 0.1, leastCount: 10 };

describe("the watch over failed requests", () => {
  for (const [succeeded, errored, isExceeded] of [
    [0, 9, false],
    [8, 2, true],
    [9, 1, false],
    [0, 10, true],
    [891, 100, true],
    [900, 100, false],
  ] as const) {
    it(`${isExceeded ? "ends" : "lets go on"} a phase with ${errored} failed beside ${succeeded}, of which a tenth may fail from ten on`, () => {
      const found = new FailureWatch([limit]).look(() => ({ succeeded, errored }));
      const excess = { phase: 1, failed: errored, ended: succeeded + errored, share: 0.1 };
      expect(found).to.deep.equal(isExceeded ? [excess] : []);
    });
  }

  it("says so once, of each phase by itself", () => {
    const watch = new FailureWatch([limit, { ...limit, phase: 2, share: 0 }]);
    const failing = (phase: number) => ({ succeeded: phase === 1 ? 0 : 99, errored: 12 });
    expect(watch.look((phase) => ({ ...failing(phase), errored: phase === 1 ? 12 : 0 })).map(({ phase }) => phase)).to.deep.equal(
      [1],
    );
    expect(watch.look(failing).map(({ phase }) => phase)).to.deep.equal([2]);
    expect(watch.look(failing)).to.deep.equal([]);
  });
});
