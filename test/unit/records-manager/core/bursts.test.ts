import { expect } from "chai";
import { Bursts, burstsNote } from "../../../../services/records-manager/core/bursts.ts";

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
    expect(burstsNote(bursts.figures())).to.equal(undefined);
    expect(burstsNote(new Bursts().figures())).to.equal(undefined);
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
    expect(burstsNote(bursts.figures())).to.deep.include({
      code: "burst_spread",
      message: "2 of 3 bursts took longer than 1 ms to be sent, the longest 3.50 ms",
    });
  });

  it("are measured from the first send to the last", () => {
    const bursts = new Bursts();
    for (const [due, sent] of [
      [0, 0.1],
      [0, 0.5],
      [0, 0.3],
      [100, 103],
      [100, 100],
      [200, 200],
    ] as const) {
      bursts.add(due * MS, sent * MS);
    }
    expect(bursts.figures()).to.deep.equal({ count: 3, largest: 3, spreadP50Ns: 0.4e6, spreadMaxNs: 3e6, slowCount: 1 });
  });
});
