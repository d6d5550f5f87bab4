import { expect } from "chai";
import { BatchBuffers } from "../../../services/common/batch-buffers.ts";

const limits = { sizeBytes: 64, kept: 2, keptBytes: 100 };

describe("batch buffers", () => {
  it("are not used again before they are acked", () => {
    const buffers = new BatchBuffers(limits);
    const first = buffers.take();
    buffers.sent(1, first.subarray(0, 10));
    const second = buffers.take();
    expect(second.buffer).not.to.equal(first.buffer);
    buffers.sent(2, second);
    buffers.acked(1);
    expect(buffers.take().buffer).to.equal(first.buffer);
    expect(buffers.take().buffer).not.to.be.oneOf([first.buffer, second.buffer]);
  });

  it("come back whole, whatever part of them was sent", () => {
    const buffers = new BatchBuffers(limits);
    buffers.sent(1, buffers.take().subarray(0, 10));
    buffers.acked(1);
    expect(buffers.take()).to.have.lengthOf(64);
  });

  it("are kept up to a number and a size", () => {
    const buffers = new BatchBuffers(limits);
    const large = Buffer.allocUnsafeSlow(101);
    buffers.sent(1, large);
    const sent = [2, 3, 4].map((seq) => {
      const buffer = buffers.take();
      buffers.sent(seq, buffer);
      return buffer.buffer;
    });
    buffers.acked(4);
    const again = [1, 2, 3].map(() => buffers.take().buffer);
    expect(again.filter((buffer) => sent.includes(buffer))).to.have.lengthOf(2);
    expect(again).not.to.include(large.buffer);
  });

  it("are used again at once where they are given back", () => {
    const buffers = new BatchBuffers(limits);
    const first = buffers.take();
    buffers.giveBack(first.subarray(0, 10));
    const again = buffers.take();
    expect(again.buffer).to.equal(first.buffer);
    expect(again).to.have.lengthOf(64);
  });

  it("that no ack will come for are let go, and its late ack frees nothing", () => {
    const buffers = new BatchBuffers(limits);
    const first = buffers.take();
    buffers.sent(1, first);
    buffers.lost();
    buffers.acked(1);
    expect(buffers.take().buffer).not.to.equal(first.buffer);
  });
});
