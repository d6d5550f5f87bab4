import { expect } from "chai";
import fc from "fast-check";
import { energyUse } from "../../../../services/records-manager/core/energy.ts";

const readings = (...rows: [sec: number, joules: number][]) => rows.map(([sec, joules]) => ({ ns: sec * 1e9, joules }));

describe("energyUse", () => {
  it("takes the difference of the counter, and the mean power over its time", () => {
    expect(energyUse(readings([10, 500], [11, 620], [14, 900]))).to.deep.equal({
      joules: 400,
      averageWatts: 100,
      coveredNs: 4e9,
      resets: 0,
    });
  });

  it("leaves out the steps in which the counter fell, and counts them", () => {
    expect(energyUse(readings([0, 1000], [1, 1200], [2, 30], [4, 430]))).to.deep.equal({
      joules: 600,
      averageWatts: 200,
      coveredNs: 3e9,
      resets: 1,
    });
  });

  it("gives zero watts to a counter that stands still", () => {
    expect(energyUse(readings([0, 7], [2, 7]))).to.deep.include({ joules: 0, averageWatts: 0 });
  });

  it("says nothing where no step can be told", () => {
    expect(energyUse([])).to.equal(undefined);
    expect(energyUse(readings([1, 5]))).to.equal(undefined);
    expect(energyUse(readings([1, 5], [2, 3]))).to.equal(undefined);
    expect(energyUse(readings([1, 5], [1, 6]))).to.equal(undefined);
  });

  it("does not depend on how often a counter without resets was read in between", () => {
    const sums = (steps: readonly number[]) =>
      steps.map((_, index) => steps.slice(0, index + 1).reduce((sum, step) => sum + step, 0));
    const steps = fc.array(fc.tuple(fc.integer({ min: 1, max: 1000 }), fc.nat(1000)), { minLength: 2, maxLength: 20 });
    fc.assert(
      fc.property(steps, (rows) => {
        const joules = sums(rows.map((row) => row[1]));
        const all = sums(rows.map((row) => row[0])).map((sec, index) => ({ ns: sec * 1e9, joules: joules[index] as number }));
        expect(energyUse(all)).to.deep.equal(energyUse([all[0], all.at(-1)].filter((reading) => reading !== undefined)));
      }),
    );
  });
});
