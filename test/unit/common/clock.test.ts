import { expect } from "chai";
import { monotonicNs } from "../../../services/common/clock.ts";

describe("monotonic clock", () => {
  it("reads what process.hrtime reads, so that readings of two processes may be compared", () => {
    // Of several readings the tightest bracket counts; the machine may be busy during any one of them.
    const offNs = Array.from({ length: 100 }, () => {
      const beforeNs = Number(process.hrtime.bigint());
      const readNs = monotonicNs();
      const afterNs = Number(process.hrtime.bigint());
      return Math.max(beforeNs - readNs, readNs - afterNs, 0);
    });
    expect(Math.min(...offNs)).to.be.below(20_000);
  });
});
