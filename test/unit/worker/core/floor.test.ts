import { expect } from "chai";
import { maxReadBytes, writeRead } from "../../../../services/common/chunk-stamps.ts";
import { coresBusy, parseDescriptors, parsePorts, parseQuota } from "../../../../services/worker/core/host-limits.ts";
import { spreadOf } from "../../../../services/worker/core/spread.ts";
import { stampErrors } from "../../../../services/worker/core/stamp-errors.ts";

describe("what the floor of a machine is made of", () => {
  it("has median and 99th percentile of errors, in ms", () => {
    const ns = Float64Array.from({ length: 101 }, (_, index) => (100 - index) * 1e6);
    expect(spreadOf(ns)).to.deep.equal({ count: 101, p50Ms: 50, p99Ms: 99 });
    expect(spreadOf(new Float64Array(0)).p50Ms).to.be.NaN;
  });

  it("has the error of every stamped event: when its last byte was read, minus when the server wrote it", () => {
    const event = (sentNs: number) => `data: {"assay_sent_ns":"${sentNs}","choices":[]}\n\n`;
    const [first, second, third] = [event(1_500_000), event(1_600_000), event(2_500_000)];
    const payload = Buffer.from(`${first}${second}${third}data: [DONE]\n\n`);
    const packed = new Uint8Array(3 * maxReadBytes);
    // The second event is cut: its end comes with the read after.
    let end = writeRead(packed, 0, first.length + 5, 0, 700_000);
    end = writeRead(packed, end, second.length - 5 + third.length, 700_000, 1_800_000);
    end = writeRead(packed, end, payload.length - first.length - second.length - third.length, 1_800_000, 1_900_000);
    expect(stampErrors({ sentNs: 1_000_000, stamps: packed.subarray(0, end), payload })).to.deep.equal([
      200_000, 1_200_000, 300_000,
    ]);
  });

  it("reads the kernel's limits, and knows what it cannot read", () => {
    const limits =
      "Limit                     Soft Limit           Hard Limit           Units\nMax open files            1024                 unlimited            files\n";
    expect(parseDescriptors(limits)).to.deep.equal({ soft: 1024, hard: Number.POSITIVE_INFINITY });
    expect(parseDescriptors("")).to.deep.equal({ soft: 0, hard: 0 });
    expect(parsePorts("32768\t60999\n")).to.deep.equal({ first: 32768, last: 60999 });
    expect(parsePorts("")).to.deep.equal({ first: 0, last: 0 });
    expect(parseQuota("150000 100000\n")).to.equal(1.5);
    expect(parseQuota("max 100000\n")).to.equal(Number.POSITIVE_INFINITY);
    expect(parseQuota("")).to.equal(Number.POSITIVE_INFINITY);
  });

  it("counts cores that were busy between two looks", () => {
    const stat = (user: number, idle: number) => `cpu  ${user} 0 0 ${idle} 0 0 0 0 0 0\ncpu0 1 0 0 1\ncpu1 1 0 0 1\nintr 1\n`;
    expect(coresBusy(stat(100, 100), stat(130, 150))).to.equal(0.75);
    expect(coresBusy(stat(100, 100), stat(100, 100))).to.equal(0);
    expect(coresBusy("", "")).to.equal(0);
  });
});
