import { expect } from "chai";
import fc from "fast-check";
import {
  type Failure,
  FailurePlan,
  type FailureRates,
  failureKinds,
  isFailureName,
  isInstead,
  tokensBefore,
} from "../../../../mock/answers/failures.ts";

const namesOf = (rates: FailureRates, seed: number, count: number) => {
  const plan = new FailurePlan(rates, seed);
  return Array.from({ length: count }, (_, ordinal) => plan.draw(ordinal)?.name);
};
const midway = (part: number): Failure => ({ kind: "cut", status: 0, name: "cut", part });

describe("mock failures", () => {
  it("are none without rates, and all of a kind at rate 1", () => {
    expect(namesOf({}, 0, 20)).to.deep.equal(Array(20).fill(undefined));
    expect(namesOf({ cut: 0 }, 0, 20)).to.deep.equal(Array(20).fill(undefined));
    expect(namesOf({ "503": 1 }, 0, 20)).to.deep.equal(Array(20).fill("503"));
  });

  it("come at their rates, one a request at most", () => {
    const names = namesOf({ "429": 0.1, "500": 0.05, reset: 0.2, "no-done": 0.05 }, 3, 20_000);
    const partOf = (wanted: string | undefined) => names.filter((name) => name === wanted).length / names.length;
    expect(partOf("429")).to.be.closeTo(0.1, 0.01);
    expect(partOf("500")).to.be.closeTo(0.05, 0.01);
    expect(partOf("reset")).to.be.closeTo(0.2, 0.01);
    expect(partOf("no-done")).to.be.closeTo(0.05, 0.01);
    expect(partOf(undefined)).to.be.closeTo(0.6, 0.01);
  });

  it("leave no request out where the rates add up to 1", () => {
    expect(namesOf({ "500": 0.7, reset: 0.2, cut: 0.1 }, 9, 5000)).to.not.include(undefined);
  });

  it("are the same for the same seed and number, whatever the order of the rates (property)", () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const names = namesOf({ "429": 0.3, reset: 0.2, cut: 0.3 }, seed, 30);
        expect(namesOf({ cut: 0.3, reset: 0.2, "429": 0.3 }, seed, 30)).to.deep.equal(names);
      }),
    );
    expect(namesOf({ "429": 0.5 }, 1, 50)).to.not.deep.equal(namesOf({ "429": 0.5 }, 2, 50));
  });

  it("are named by a status of an error, or by a kind", () => {
    expect(["400", "429", "599", ...Object.keys(failureKinds)].every(isFailureName)).to.equal(true);
    expect(["200", "399", "600", "4290", "", "toString", "status", "Reset"].filter(isFailureName)).to.deep.equal([]);
  });

  it("stand in for the answer where they are a status, a reset, or no HTTP", () => {
    const { draw } = { draw: (name: string) => new FailurePlan({ [name]: 1 }, 0).draw(0) as Failure };
    const instead = ["418", ...Object.keys(failureKinds)].filter((name) => isInstead(draw(name)));
    expect(instead).to.deep.equal(["418", "reset", "not-http"]);
    expect(draw("418")).to.include({ kind: "status", status: 418 });
  });

  it("midway take hold after one token at least, and before the last unless there is only one", () => {
    expect([0, 0.5, 0.999].map((part) => tokensBefore(midway(part), 11))).to.deep.equal([1, 6, 10]);
    expect([0, 0.999].map((part) => tokensBefore(midway(part), 1))).to.deep.equal([1, 1]);
    expect(tokensBefore(undefined, 11)).to.equal(Number.POSITIVE_INFINITY);
    expect(tokensBefore({ ...midway(0), kind: "slow" }, 11)).to.equal(Number.POSITIVE_INFINITY);
  });
});
