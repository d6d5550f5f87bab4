import { expect } from "chai";
import fc from "fast-check";
import { counterFigures } from "../../../../../services/records-manager/core/telemetry/counter.ts";
import { pointsOf, seconds } from "./points.ts";

describe("counterFigures", () => {
  it("counts from the last scrape before the window to the first one after it", () => {
    const points = pointsOf([0, 100], [4, 110], [6, 130], [9.9, 170], [10.5, 190], [11.5, 400]);
    expect(counterFigures(points, [seconds(5, 10)])).to.deep.include({ total: 80, coveredNs: 6.5e9, resets: 0 });
  });

  it("ends with the last scrape within the window where none came in time after it", () => {
    const points = pointsOf([4, 110], [6, 130], [9, 170], [13, 1000]);
    expect(counterFigures(points, [seconds(5, 10)])).to.deep.include({ total: 60, coveredNs: 5e9 });
  });

  it("begins within the window where nothing was scraped shortly before it", () => {
    expect(counterFigures(pointsOf([6, 130], [9, 170]), [seconds(5, 10)])).to.deep.include({ total: 40 });
    expect(counterFigures(pointsOf([2, 7], [6, 130], [9, 170]), [seconds(5, 10)])).to.deep.include({ total: 40 });
  });

  it("gives zeros to a counter without activity", () => {
    expect(counterFigures(pointsOf([0, 7], [1, 7], [2, 7]), [seconds(0, 2)])).to.deep.equal({
      total: 0,
      rate: 0,
      rateAvg: 0,
      rateMin: 0,
      rateMax: 0,
      rateStd: 0,
      changes: 0,
      resets: 0,
      coveredNs: 2e9,
      unknownNs: 0,
    });
  });

  it("leaves a step out in which the counter fell, and says for how long nothing is known", () => {
    const figures = counterFigures(pointsOf([0, 1000], [1, 1200], [2, 30], [4, 430]), [seconds(0, 4)]);
    expect(figures).to.deep.include({ total: 600, rate: 200, resets: 1, coveredNs: 3e9, unknownNs: 1e9 });
  });

  it("leaves a step out over which the counter was absent, though it came back higher, and none over a scrape that failed", () => {
    const absent = pointsOf([0, 100], [1, 110], [2, "absent"], [3, "absent"], [4, 200], [5, 210]);
    expect(counterFigures(absent, [seconds(0, 5)])).to.deep.include({ total: 20, resets: 1, coveredNs: 2e9, unknownNs: 3e9 });
    expect(counterFigures(absent, [seconds(2.5, 5)])).to.deep.include({ total: 10, resets: 1, coveredNs: 1e9 });
    const failed = pointsOf([0, 100], [1, 110], [4, 200], [5, 210]);
    expect(counterFigures(failed, [seconds(0, 5)])).to.deep.include({ total: 110, resets: 0, coveredNs: 5e9 });
  });

  it("knows all of a counter that was absent before it first came, or after it last did", () => {
    const points = pointsOf([0, "absent"], [1, 110], [2, 120], [3, "absent"], [4, "absent"]);
    expect(counterFigures(points, [seconds(0, 4)])).to.deep.include({ total: 10, resets: 0, coveredNs: 1e9, unknownNs: 0 });
  });

  it("takes the average rate up to the last change, whenever the counter is renewed", () => {
    const points = pointsOf([0, 0], [1, 0], [2, 300], [3, 300], [4, 600], [5, 600]);
    expect(counterFigures(points, [seconds(0, 5)])).to.deep.include({ rate: 120, rateAvg: 150, rateMin: 0, rateMax: 300 });
  });

  it("adds windows up without what lies between them", () => {
    const points = pointsOf([0, 0], [1, 10], [2, 500], [3, 510]);
    expect(counterFigures(points, [seconds(0, 1), seconds(2, 3)])).to.deep.include({ total: 20, coveredNs: 2e9 });
  });

  it("says nothing of fewer than two scrapes", () => {
    expect(counterFigures(pointsOf(), [seconds(0, 9)])).to.equal(undefined);
    expect(counterFigures(pointsOf([1, 5]), [seconds(0, 9)])).to.equal(undefined);
    expect(counterFigures(pointsOf([1, 5], [2, 6]), [])).to.equal(undefined);
  });

  it("does not depend on how often a counter without resets was read in between", () => {
    const steps = fc.array(fc.tuple(fc.integer({ min: 1, max: 1000 }), fc.nat(1000)), { minLength: 2, maxLength: 20 });
    fc.assert(
      fc.property(steps, (rows) => {
        const sumTo = (column: 0 | 1, end: number) => rows.slice(0, end + 1).reduce((sum, row) => sum + row[column], 0);
        const all = rows.map((_, at) => [sumTo(0, at), sumTo(1, at)] as const);
        const ends = [all[0], all.at(-1)].filter((row) => row !== undefined);
        const window = [seconds(0, 1e6)];
        const [whole, thin] = [all, ends].map((chosen) => counterFigures(pointsOf(...chosen), window));
        expect([whole?.total, whole?.rate, whole?.coveredNs]).to.deep.equal([thin?.total, thin?.rate, thin?.coveredNs]);
      }),
    );
  });

  it("never counts more than was counted, wherever it is set back", () => {
    const rises = fc.array(fc.tuple(fc.nat(100), fc.boolean()), { minLength: 2, maxLength: 30 });
    fc.assert(
      fc.property(rises, (rows) => {
        let value = 0;
        let counted = 0;
        const points = rows.map(([rise, isReset], at) => {
          if (isReset) value = 0;
          value += rise;
          if (at > 0) counted += rise;
          return [at, value] as const;
        });
        const { total = 0, rateMin = 0 } = counterFigures(pointsOf(...points), [seconds(0, 1e6)]) ?? {};
        expect(total).to.be.within(0, counted);
        expect(rateMin).to.be.at.least(0);
      }),
    );
  });
});
