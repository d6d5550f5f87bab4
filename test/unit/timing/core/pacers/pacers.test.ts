import { expect } from "chai";
import { randomStream } from "../../../../../services/common/random.ts";
import { burstPacer } from "../../../../../services/timing/core/pacers/bursts.ts";
import { constantPacer } from "../../../../../services/timing/core/pacers/constant.ts";
import { gammaPacer } from "../../../../../services/timing/core/pacers/gamma.ts";
import type { Pacer } from "../../../../../services/timing/core/pacers/pacer.ts";
import { poissonPacer } from "../../../../../services/timing/core/pacers/poisson.ts";
import { rateSeries } from "../../../../../services/timing/core/rate-curve.ts";

const MS = 1e6;
const SEC = 1e9;

const duesOf = (pacer: Pacer, count: number): number[] => Array.from({ length: count }, () => pacer.nextDueNs());

/** Mean, in ms, and deviation over mean of the gaps. */
function gapsOf(dues: readonly number[]): { readonly meanMs: number; readonly variation: number } {
  const gaps = dues.map((due, index) => due - (dues[index - 1] ?? 0));
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
  const variance = gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length;
  return { meanMs: mean / MS, variation: Math.sqrt(variance) / mean };
}

describe("gamma arrivals", () => {
  for (const shape of [0.25, 1, 9]) {
    it(`of smoothness ${shape} have the mean asked for and gaps that vary by 1/√${shape}`, () => {
      const { meanMs, variation } = gapsOf(duesOf(gammaPacer(1000, shape, randomStream(1)), 40_000));
      expect(meanMs).to.be.closeTo(1, 0.04);
      expect(variation).to.be.closeTo(1 / Math.sqrt(shape), 0.05 / Math.sqrt(shape));
    });
  }

  it("are the same for the same stream, and others for another", () => {
    const dues = (seed: number) => duesOf(gammaPacer(10, 0.5, randomStream(seed)), 50);
    expect(dues(1)).to.deep.equal(dues(1));
    expect(dues(1)).to.not.deep.equal(dues(2));
  });

  it("refuse a smoothness that is none", () => {
    expect(() => gammaPacer(1, 0, randomStream(1))).to.throw("smoothness must be > 0, got 0");
  });
});

describe("bursts", () => {
  it("are so many at the same moment, again and again", () => {
    expect(duesOf(burstPacer(3 / 0.5, 3), 7).map((due) => due / MS)).to.deep.equal([0, 0, 0, 500, 500, 500, 1000]);
  });

  it("refuse a size that is none", () => {
    expect(() => burstPacer(1, 0)).to.throw("size of bursts must be >= 1, got 0");
  });
});

describe("arrivals by a rate that changes", () => {
  const rising = rateSeries([
    { atNs: 0, perSec: 0 },
    { atNs: 10 * SEC, perSec: 20 },
  ]);

  it("of a constant pattern are where the integral of the rate is a whole number", () => {
    const dues = duesOf(constantPacer(rising), 101);
    for (const n of [0, 1, 25, 100]) expect(dues[n]).to.be.closeTo(Math.sqrt(n) * SEC, 10);
  });

  it("of a Poisson process are those of a steady one, moved by the change of time", () => {
    const steady = duesOf(poissonPacer(1, randomStream(3)), 50);
    const changed = duesOf(poissonPacer(rising, randomStream(3)), 50);
    for (const [n, due] of changed.entries()) expect(due).to.be.closeTo(Math.sqrt((steady[n] ?? 0) / SEC) * SEC, 10);
  });

  it("go on from where the schedule stands when another rate is set, those read before included", () => {
    const pacer = constantPacer(10);
    const ahead = duesOf(pacer, 6);
    const moved = pacer.setRate?.(100, 250 * MS);
    // Half of the gap after the third arrival is over; the other half takes a tenth of the time.
    expect(ahead.map((due) => Math.round((moved?.(due) ?? 0) / MS))).to.deep.equal([0, 100, 200, 255, 265, 275]);
    expect(Math.round(pacer.nextDueNs() / MS)).to.equal(285);
  });
});
