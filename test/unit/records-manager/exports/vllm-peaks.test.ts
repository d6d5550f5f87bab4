import { expect } from "chai";
import { peakInFlight, TokenSeconds } from "../../../../services/records-manager/exports/vllm-peaks.ts";

describe("vLLM's peaks", () => {
  for (const [what, starts, ends, peak] of [
    ["nothing", [], [], 0],
    ["one", [5], [9], 1],
    ["spans that follow at once", [1, 2, 3], [2, 3, 4], 1],
    ["spans in any order", [4, 0, 2, 8], [6, 10, 5, 9], 3],
  ] as const) {
    it(`of ${what} is ${peak} in flight`, () => {
      expect(peakInFlight(Float64Array.from(starts), Float64Array.from(ends))).to.equal(peak);
    });
  }

  it("count chunks in the seconds from a moment on, and are those of the fullest", () => {
    const seconds = new TokenSeconds(10e9);
    expect(seconds.most).to.equal(0);
    seconds.add(10.5e9, 0.25, [0.125, 0.25, 1]);
    seconds.add(11.9e9, 0.2, [0.1]);
    // 10.75, 10.875 | 11.125 | 12.125, 12.1, 12.2
    expect(seconds.most).to.equal(3);
  });
});
