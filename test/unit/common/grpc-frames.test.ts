import { expect } from "chai";
import { compressedFrame, plainFrame } from "../../../services/common/grpc-compression.ts";
import { FrameFeed, frameOf } from "../../../services/common/grpc-frames.ts";

const messages = ["one", "", "a third, which is longer"].map((text) => Buffer.from(text));
const frames = messages.map((message, index) => frameOf(index === 2, message));
const bytes = Buffer.concat(frames);

function fed(parts: readonly Buffer[]): Buffer[] {
  const feed = new FrameFeed();
  const found: Buffer[] = [];
  for (const part of parts) {
    feed.add(part);
    for (let frame = feed.next(); frame !== undefined; frame = feed.next()) found.push(frame);
  }
  expect(feed.isInside).to.equal(false);
  return found;
}

describe("frames of gRPC", () => {
  it("are whole however their bytes are split", () => {
    expect(frames.map((frame) => frame.toString("latin1"))).to.deep.equal([
      "\0\0\0\0\x03one",
      "\0\0\0\0\0",
      "\x01\0\0\0\x18a third, which is longer",
    ]);
    for (let at = 0; at <= bytes.length; at++) expect(fed([bytes.subarray(0, at), bytes.subarray(at)])).to.deep.equal(frames);
    expect(fed([...bytes].map((byte) => Buffer.of(byte)))).to.deep.equal(frames);
  });

  it("say how long the next message is before it is there, and that bytes are missing", () => {
    const feed = new FrameFeed();
    feed.add(bytes.subarray(0, 4));
    expect([feed.announcedBytes, feed.isInside, feed.next()]).to.deep.equal([undefined, true, undefined]);
    feed.add(bytes.subarray(4, 6));
    expect([feed.announcedBytes, feed.isInside, feed.next()]).to.deep.equal([3, true, undefined]);
  });

  it("are whole where what was added is overwritten, once what is left of it is kept", () => {
    for (let at = 0; at <= bytes.length; at++) {
      const feed = new FrameFeed();
      const found: string[] = [];
      const place = Buffer.alloc(bytes.length);
      for (const part of [bytes.subarray(0, at), bytes.subarray(at)]) {
        feed.add(place.subarray(0, part.copy(place)));
        for (let frame = feed.next(); frame !== undefined; frame = feed.next()) found.push(frame.toString("latin1"));
        feed.keep();
      }
      expect(found).to.deep.equal(frames.map((frame) => frame.toString("latin1")));
      expect(feed.isInside).to.equal(false);
    }
  });

  it("put the parts of a message one behind the other", () => {
    expect(frameOf(false, Buffer.from("ab"), Buffer.from("c"))).to.deep.equal(frameOf(false, Buffer.from("abc")));
  });

  for (const compression of ["gzip", "deflate"] as const) {
    it(`are compressed by ${compression} where that makes them smaller, and come back as they were`, () => {
      const long = Buffer.alloc(4000, "word ");
      const packed = compressedFrame(compression, long);
      expect(packed[0]).to.equal(1);
      expect(packed.length).to.be.lessThan(200);
      expect(plainFrame(packed, compression)).to.deep.equal(frameOf(false, long));
      expect(compressedFrame(compression, Buffer.from("ab"))).to.deep.equal(frameOf(false, Buffer.from("ab")));
    });
  }

  it("that cannot be decompressed say why", () => {
    const packed = compressedFrame("gzip", Buffer.alloc(4000));
    expect(() => plainFrame(packed, "br")).to.throw('a message is compressed, and its call names "br" for how');
    expect(() => plainFrame(packed, "deflate")).to.throw("incorrect header check");
    expect(plainFrame(frameOf(false, Buffer.from("a")), "br")).to.deep.equal(frameOf(false, Buffer.from("a")));
  });
});
