import { expect } from "chai";
import fc from "fast-check";
import { randomStream } from "../../../../services/common/random.ts";
import {
  type HostEvidence,
  MIN_HOST_SAMPLES,
  medianRange,
  slowHostNotes,
} from "../../../../services/records-manager/core/host-rules.ts";

const usual: HostEvidence = {
  name: "h1",
  latency: { count: 500, median: 100, low: 98, high: 102 },
  lateness: { count: 500, p50Ns: 0.1e6, p99Ns: 1e6 },
  loopUtilisationMax: 0.4,
};
const host = (name: string, change: Partial<HostEvidence> = {}): HostEvidence => ({ ...usual, name, ...change });
const said = (...hosts: HostEvidence[]) => slowHostNotes(hosts).map(({ message }) => message);

describe("load hosts that are behind the others", () => {
  const rows: readonly [string, Partial<HostEvidence>, string | undefined][] = [
    ["alike", {}, undefined],
    ["busy", { loopUtilisationMax: 0.92 }, "a worker there is 92 % busy, elsewhere 40 %"],
    ["less busy than matters", { loopUtilisationMax: 0.7 }, undefined],
    ["late", { lateness: { count: 100, p50Ns: 1e6, p99Ns: 3.5e6 } }, "it sends late by 3.50 ms (p99), elsewhere 1.00 ms"],
    ["late by less than three times", { lateness: { count: 100, p50Ns: 1e6, p99Ns: 3e6 } }, undefined],
    ["late in too few requests", { lateness: { count: 99, p50Ns: 1e6, p99Ns: 90e6 } }, undefined],
    [
      "slow",
      { latency: { count: 100, median: 130, low: 113, high: 150 } },
      "its median request latency is 130 ms, elsewhere 100 ms",
    ],
    ["slow, perhaps", { latency: { count: 100, median: 130, low: 112, high: 150 } }, undefined],
    ["fast", { latency: { count: 100, median: 50, low: 49, high: 51 } }, undefined],
    ["unknown", { latency: undefined, lateness: undefined, loopUtilisationMax: undefined }, undefined],
  ];
  for (const [what, change, reason] of rows) {
    it(`are ${reason === undefined ? "not named" : "named"}: ${what}`, () => {
      const expected = reason === undefined ? [] : [`host h2 is behind the others: ${reason}`];
      expect(said(host("h1"), host("h2", change))).to.deep.equal(
        expected.length === 0 && what === "fast" ? [hostOneBehind] : expected,
      );
      if (what !== "fast") expect(said(host("h1"), host("h2", change), host("h3"))).to.deep.equal(expected);
    });
  }
  const hostOneBehind = "host h1 is behind the others: its median request latency is 100 ms, elsewhere 50.0 ms";

  it("are named with all that is so of them, and no other with them", () => {
    const slow = host("h3", { loopUtilisationMax: 0.99, lateness: { count: 900, p50Ns: 4e6, p99Ns: 40e6 } });
    expect(said(host("h1"), host("h2"), slow)).to.deep.equal([
      "host h3 is behind the others: a worker there is 99 % busy, elsewhere 40 %; it sends late by 40.0 ms (p99), elsewhere 1.00 ms",
    ]);
  });

  it("are not there where one host sends, or all are alike behind", () => {
    const busy = { loopUtilisationMax: 0.9 };
    expect(said(host("h1", busy))).to.deep.equal([]);
    expect(said(host("h1", busy), host("h2", busy), host("h3", { loopUtilisationMax: 0.95 }))).to.deep.equal([]);
  });

  it("are held against the middle of the others, so that one slow host accuses nobody", () => {
    const latency = { count: 500, median: 300, low: 290, high: 310 };
    expect(said(host("h1"), host("h2"), host("h3"), host("h4", { latency }))).to.have.lengthOf(1);
    // Nor does it excuse another one.
    expect(said(host("h1"), host("h2"), host("h3", { latency }), host("h4", { latency }))).to.have.lengthOf(2);
  });

  it("are hardly ever named where they are alike: less than 1 in 100 of pairs drawn from one distribution", () => {
    const random = randomStream(7, "hosts");
    const draw = () => medianRange(Float64Array.from({ length: 200 }, () => 20 - 10 * Math.log(1 - random.next())));
    const named = Array.from(
      { length: 300 },
      () => said(host("h1", { latency: draw() }), host("h2", { latency: draw() })).length,
    );
    expect(named.reduce((sum, count) => sum + count, 0)).to.be.below(3);
  });
});

describe("the range of a median", () => {
  it("is of ranks of the values, whatever their order, and of enough of them", () => {
    const values = Float64Array.from({ length: 401 }, (_, index) => (index * 7) % 401);
    expect(medianRange(values)).to.deep.equal({ count: 401, median: 200, low: 167, high: 233 });
    expect(medianRange(new Float64Array(MIN_HOST_SAMPLES - 1))).to.equal(undefined);
  });

  it("is around the median, of values that are there", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1e4, noNaN: true }), { minLength: 100, maxLength: 300 }), (drawn) => {
        const range = medianRange(Float64Array.from(drawn));
        const { low = Number.NaN, median = Number.NaN, high = Number.NaN } = range ?? {};
        expect(low <= median && median <= high).to.equal(true);
        for (const value of [low, median, high]) expect(drawn).to.include(value);
      }),
    );
  });
});
