import { expect } from "chai";
import {
  frameHeadBytes,
  frameType,
  putFrameHead,
  putUint32,
  uint24At,
  uint32At,
} from "../../../../../services/worker/core/http2/frames.ts";

describe("heads of frames", () => {
  it("have the length, the type, the flags and the stream", () => {
    const bytes = Buffer.alloc(1 + frameHeadBytes);
    expect(putFrameHead(bytes, 1, 0x012345, { type: frameType.goaway, flags: 0x29, stream: 0x7fffffff })).to.equal(10);
    expect(bytes.toString("hex")).to.equal("0001234507297fffffff");
    expect(putFrameHead(bytes, 0, 1, { type: frameType.data })).to.equal(frameHeadBytes);
    expect(bytes.toString("hex", 0, frameHeadBytes)).to.equal("000001000000000000");
  });

  it("are read as they were written, with no sign", () => {
    const bytes = Buffer.alloc(6);
    expect(putUint32(bytes, 1, 0xfffffffe)).to.equal(5);
    expect(uint32At(bytes, 1)).to.equal(0xfffffffe);
    expect(uint24At(bytes, 1)).to.equal(0xffffff);
  });
});
