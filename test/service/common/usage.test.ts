import { expect } from "chai";
import { countSpin, createUsageMeter, type UsageMeter } from "../../../services/common/member/usage.ts";

describe("the usage of this process", () => {
  let meter: UsageMeter;
  beforeEach(() => {
    meter = createUsageMeter();
  });
  afterEach(() => meter.stop());

  it("is what the kernel and the event loop say", () => {
    const usage = meter.read();
    expect(usage.cpuSec).to.be.greaterThan(0);
    expect(usage.rssBytes).to.be.greaterThan(1 << 20);
    expect(usage.loopUtilization).to.be.within(0, 1);
    expect(usage.openFds).to.be.greaterThan(2);
    expect(usage.maxFds).to.be.at.least(usage.openFds);
  });

  it("counts CPU time from the start, and the loop since the reading before", () => {
    const first = meter.read();
    const end = process.hrtime.bigint() + 30_000_000n;
    while (process.hrtime.bigint() < end);
    const second = meter.read();
    expect(second.cpuSec).to.be.greaterThan(first.cpuSec);
    expect(second.loopUtilization).to.equal(1);
  });

  it("does not count as work that the loop was kept awake", () => {
    meter.read();
    const end = process.hrtime.bigint() + 30_000_000n;
    while (process.hrtime.bigint() < end);
    countSpin(30e6);
    expect(meter.read().loopUtilization).to.be.lessThan(1);
  });

  it("is a number in every field, however soon it is read", () => {
    for (let index = 0; index < 3; index++) {
      for (const [name, value] of Object.entries(meter.read())) expect(Number.isFinite(value), name).to.equal(true);
    }
  });
});
