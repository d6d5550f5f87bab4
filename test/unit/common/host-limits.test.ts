import { expect } from "chai";
import { localPortsOf, maxFdsOf } from "../../../services/common/host-limits.ts";

describe("the limits of a host", () => {
  it("are read from what the kernel says of a process", () => {
    const text =
      "Limit                     Soft Limit           Hard Limit           Units\nMax open files            20000                30000                files\n";
    expect(maxFdsOf(text)).to.equal(20_000);
    expect(maxFdsOf(text.replace("20000", "unlimited"))).to.equal(0);
    expect(maxFdsOf("")).to.equal(0);
  });

  for (const [range, reserved, ports] of [
    ["32768\t60999\n", "\n", 28_232],
    ["1000 1009", "1003,1005-1006", 7],
    ["1000 1009", "1-1001,1009-2000,5000", 7],
    ["", "", 0],
    ["10 9", "", 0],
  ] as const) {
    it(`have ${ports} local ports with the range ${JSON.stringify(range)} but ${JSON.stringify(reserved)}`, () => {
      expect(localPortsOf(range, reserved)).to.equal(ports);
    });
  }
});
