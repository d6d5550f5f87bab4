import { expect } from "chai";
import { BurstLimit } from "../../../services/common/burst-limit.ts";

describe("a burst limit", () => {
  const limitOf = (limit: number) => {
    const reports: [string, number][] = [];
    return { limit: new BurstLimit<string>(limit, (kind, dropped) => reports.push([kind, dropped])), reports };
  };

  it("lets the first ones through and counts the rest, each kind for itself", () => {
    const { limit, reports } = limitOf(2);
    expect(["a", "a", "a", "b", "a"].map((kind) => limit.admit(kind))).to.deep.equal([true, true, false, true, false]);
    limit.close();
    expect(reports).to.deep.equal([["a", 2]]);
  });

  it("lets as many through in each second", () => {
    let now = 5e9;
    const reports: [string, number][] = [];
    const limit = new BurstLimit<string>(
      2,
      (kind, dropped) => reports.push([kind, dropped]),
      () => now,
    );
    const admitted = () => [1, 2, 3].map(() => limit.admit("a"));
    expect(admitted()).to.deep.equal([true, true, false]);
    now += 999e6;
    expect(limit.admit("a")).to.equal(false);
    now += 1e6;
    expect(admitted()).to.deep.equal([true, true, false]);
    limit.close();
    expect(reports).to.deep.equal([["a", 3]]);
  });

  it("reports a count once", () => {
    const { limit, reports } = limitOf(0);
    limit.admit("a");
    limit.admit("a");
    limit.close();
    limit.close();
    expect(reports).to.deep.equal([["a", 1]]);
  });

  it("counts what was dropped elsewhere", () => {
    const { limit, reports } = limitOf(5);
    limit.drop("a");
    limit.close();
    expect(reports).to.deep.equal([["a", 1]]);
  });
});
