import { expect } from "chai";
import fc from "fast-check";
import { type DrawLimits, drawOf, readDistribution } from "../../../../mock/answers/distribution.ts";
import { randomStream } from "../../../../services/common/random.ts";

const ms: DrawLimits = { min: 0, max: 1000, isInteger: false };
const tokens: DrawLimits = { min: 1, max: 1000, isInteger: true };

function drawn(spelling: string | number, limits: DrawLimits, count: number, seed = 1): number[] {
  const distribution = readDistribution(spelling, limits);
  if (distribution === undefined) throw new Error(`not read: ${spelling}`);
  const [draw, random] = [drawOf(distribution, limits), randomStream(seed, "test")];
  return Array.from({ length: count }, () => draw(random));
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const deviation = (values: readonly number[], center: number) => Math.sqrt(mean(values.map((value) => (value - center) ** 2)));

describe("a distribution of the mock", () => {
  for (const [spelling, expected] of [
    [12.5, { is: "fixed", value: 12.5 }],
    ["12.5", { is: "fixed", value: 12.5 }],
    ["fixed:7", { is: "fixed", value: 7 }],
    ["uniform:0,10", { is: "uniform", low: 0, high: 10 }],
    ["normal:50,10", { is: "normal", mean: 50, deviation: 10 }],
    ["normal:50, 10", { is: "normal", mean: 50, deviation: 10 }],
    ["lognormal:50,100", { is: "lognormal", mean: 50, deviation: 100 }],
    ["exponential:50", { is: "exponential", mean: 50 }],
  ] as const) {
    it(`is written ${spelling}`, () => {
      expect(readDistribution(spelling, ms)).to.deep.equal(expected);
    });
  }

  const wrong = ["", "x", "normal", "normal:", "normal:50", "normal:50,", "normal:50,1,2", "normal:50,-1", "normal:x,1"];
  const wrongToo = ["uniform:5,4", "uniform:0,1001", "lognormal:0,1", "gamma:1,2", "exponential:-1", "exponential:1,2", "-1"];
  const wrongValues = [
    Number.NaN,
    Number.POSITIVE_INFINITY,
    "Infinity",
    "NaN",
    null,
    true,
    "fixed:2000",
    "Normal:1,1",
    "constructor:1",
  ];
  for (const spelling of [...wrong, ...wrongToo, ...wrongValues]) {
    it(`is not written ${JSON.stringify(spelling)}`, () => {
      expect(readDistribution(spelling, ms)).to.equal(undefined);
    });
  }

  it("of whole numbers has whole ends, and whole values in all shapes", () => {
    for (const spelling of ["2.5", "uniform:1.5,4", "uniform:1,4.5", "0", "uniform:0,3"]) {
      expect(readDistribution(spelling, tokens), spelling).to.equal(undefined);
    }
    for (const spelling of ["uniform:1,6", "normal:5.5,2", "lognormal:5,2", "exponential:3"]) {
      expect(
        drawn(spelling, tokens, 500).every((value) => Number.isInteger(value) && value >= 1),
        spelling,
      ).to.equal(true);
    }
    expect(new Set(drawn("uniform:1,6", tokens, 500))).to.have.all.keys([1, 2, 3, 4, 5, 6]);
  });

  it("has the mean and the deviation that it is written with", () => {
    const rows = [
      ["uniform:20,80", 50, 60 / Math.sqrt(12)],
      ["normal:50,10", 50, 10],
      ["lognormal:50,30", 50, 30],
      ["exponential:50", 50, 50],
    ] as const;
    for (const [spelling, expectedMean, expectedDeviation] of rows) {
      const values = drawn(spelling, { ...ms, max: 1e9 }, 20_000);
      expect(mean(values), spelling).to.be.closeTo(expectedMean, 1.5);
      expect(deviation(values, mean(values)), spelling).to.be.closeTo(expectedDeviation, 1.5);
    }
  });

  it("never leaves its limits and repeats with its seed (property)", () => {
    const spellings = fc.constantFrom("normal:1,50", "lognormal:1000,1000", "exponential:900", "uniform:0,1000");
    fc.assert(
      fc.property(spellings, fc.nat(), (spelling, seed) => {
        const values = drawn(spelling, ms, 50, seed);
        expect(values.every((value) => value >= 0 && value <= 1000)).to.equal(true);
        expect(drawn(spelling, ms, 50, seed)).to.deep.equal(values);
      }),
    );
  });
});
