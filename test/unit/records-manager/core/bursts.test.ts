import { expect } from "chai";
import { Bursts, hasBursts } from "../../../../services/records-manager/core/bursts.ts";

const MS = 1e6;

describe("bursts of requests", () => {
  it("that were sent within 1 ms are not worth a word", () => {
    const bursts = new Bursts();
    for (const [due, late] of [
      [0, 5],
      [0, 5.9],
      [100, 0],
      [100, 1],
    ] as const) {
      bursts.add(due * MS, (due + late) * MS);
    }
    expect(bursts.note()).to.equal(undefined);
    expect(new Bursts().note()).to.equal(undefined);
  });

  it("that took longer are counted, with the longest, in whatever order they are told", () => {
    const bursts = new Bursts();
    for (const [due, late] of [
      [200, 0],
      [0, 4],
      [100, 0],
      [0, 0.5],
      [100, 1.5],
    ] as const) {
      bursts.add(due * MS, (due + late) * MS);
    }
    expect(bursts.note()).to.deep.include({
      code: "burst_spread",
      message: "2 of 3 bursts took longer than 1 ms to be sent, the longest 3.50 ms",
    });
  });

  it("are known by the spec of the run", () => {
    const spec = JSON.stringify({ phases: [{ concurrency: {} }, { rate: { bursts: { size: 2 } } }] });
    expect([hasBursts(spec, 0), hasBursts(spec, 1), hasBursts(spec, 2), hasBursts("", 0)]).to.deep.equal([
      false,
      true,
      false,
      false,
    ]);
  });
});
