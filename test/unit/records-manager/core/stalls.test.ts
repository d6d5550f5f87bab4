import { expect } from "chai";
import { GapDistribution } from "../../../../services/records-manager/core/gap-distribution.ts";
import { gapsOf, stallsOf } from "../../../../services/records-manager/core/stalls.ts";

function stalls(gapsMs: readonly number[], longestMs: readonly number[], askedMs?: number) {
  const gaps = gapsOf(Float64Array.from(gapsMs)) ?? new GapDistribution();
  return stallsOf(gaps, gapsOf(Float64Array.from(longestMs)), askedMs);
}

describe("stalls of streams", () => {
  it("are gaps from 150 ms above the median on, where tokens are fast", () => {
    const gaps = [10, 10, 10, 10, 159.999, 160, 5000];
    expect(stalls(gaps, [10, 159.999, 160, 5000])).to.deep.equal({ thresholdMs: 160, gaps: 2, requests: 2 });
  });

  it("are gaps from three medians on, where tokens are slow", () => {
    expect(stalls([100, 100, 100, 299, 300], [299, 300])).to.deep.equal({ thresholdMs: 300, gaps: 1, requests: 1 });
  });

  it("are gaps from the threshold on that was asked for, to the microsecond", () => {
    expect(stalls([0.299, 0.3, 0.301], [0.3], 0.3)).to.deep.equal({ thresholdMs: 0.3, gaps: 2, requests: 1 });
    expect(stalls([1, 2], [2], 1e9)).to.deep.equal({ thresholdMs: 1e9, gaps: 0, requests: 0 });
  });

  it("are counted among gaps of seconds, too", () => {
    expect(stalls([1, 1, 1, 1048.575, 1048.576, 90_000], [90_000], 1048.576)).to.include({ gaps: 2, requests: 1 });
  });

  it("are none where there is no gap", () => {
    expect(stalls([], [], 5)).to.equal(undefined);
  });

  it("are not told by request where no longest gap was kept", () => {
    expect(stalls([1, 1, 500], [])).to.deep.equal({ thresholdMs: 151, gaps: 1, requests: undefined });
  });
});
