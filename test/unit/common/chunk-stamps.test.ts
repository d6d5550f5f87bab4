import { expect } from "chai";
import fc from "fast-check";
import { decodeReads, decodeStamps, encodeStamps, maxReadBytes, writeRead } from "../../../services/common/chunk-stamps.ts";

interface Read {
  readonly sizeBytes: number;
  readonly gapNs: number;
}

/** Sizes up to what fits a Uint32 in sum, gaps of up to three hours: some need more than 32 bits of µs. */
const reads = fc.array(
  fc.record({
    sizeBytes: fc.nat(1_000_000),
    gapNs: fc.double({ min: 0, max: 3 * 3.6e12, noNaN: true, noDefaultInfinity: true }),
  }),
  { maxLength: 60 },
);

function pack(list: readonly Read[]): { stamps: Uint8Array; ns: number[] } {
  const stamps = new Uint8Array(list.length * maxReadBytes);
  const ns: number[] = [];
  let offset = 0;
  let now = 0;
  for (const { sizeBytes, gapNs } of list) {
    const previous = now;
    now += gapNs;
    offset = writeRead(stamps, offset, sizeBytes, previous, now);
    ns.push(now);
  }
  return { stamps: stamps.subarray(0, offset), ns };
}

describe("chunk stamps", () => {
  it("gives back every read: sizes exactly, times to half a µs however many came before", () => {
    fc.assert(
      fc.property(reads, (list) => {
        const { stamps, ns } = pack(list);
        const decoded = decodeReads(stamps);
        let end = 0;
        expect([...decoded.readEnds]).to.deep.equal(list.map(({ sizeBytes }) => (end += sizeBytes)));
        expect(decoded.readNs).to.have.lengthOf(list.length);
        ns.forEach((expected, index) => {
          // A double of that size is itself exact to a few ns only.
          expect(Math.abs((decoded.readNs[index] ?? Number.NaN) - expected)).to.be.at.most(501);
        });
      }),
    );
  });

  it("does not let rounding add up: a thousand gaps of 400 ns are 400 µs", () => {
    const { stamps } = pack(Array.from({ length: 1000 }, () => ({ sizeBytes: 1, gapNs: 400 })));
    expect(decodeReads(stamps).readNs[999]).to.equal(400_000);
  });

  it("takes two bytes for a usual read", () => {
    expect(pack([{ sizeBytes: 100, gapNs: 100_000 }]).stamps).to.have.lengthOf(2);
  });

  it("gives back ascending content stamps, to half a µs", () => {
    fc.assert(
      fc.property(reads, (list) => {
        const { ns } = pack(list);
        const decoded = decodeStamps(encodeStamps(Float64Array.from(ns)));
        expect(decoded).to.have.lengthOf(ns.length);
        ns.forEach((expected, index) => {
          expect(Math.abs((decoded[index] ?? Number.NaN) - expected)).to.be.at.most(501);
        });
      }),
    );
  });

  it("packs the same stamps into the same bytes again, whatever was packed between", () => {
    const stamps = Float64Array.of(1_000, 2_000_000, 9e12);
    const packed = encodeStamps(stamps);
    encodeStamps(Float64Array.of(7_000, 8_000));
    expect([...packed]).to.deep.equal([...encodeStamps(stamps)]);
  });

  it("packs streams of any length", () => {
    const stamps = Float64Array.from({ length: 20_000 }, (_, index) => index * 10e6);
    expect(decodeStamps(encodeStamps(stamps))).to.deep.equal(stamps);
  });

  it("has no reads in no bytes", () => {
    expect(decodeReads(new Uint8Array(0)).readEnds).to.have.lengthOf(0);
    expect(decodeStamps(new Uint8Array(0))).to.have.lengthOf(0);
  });

  for (const [title, bytes] of [
    ["a size without its time", [5]],
    ["an unfinished varint at the end", [5, 6, 0x80]],
  ] as const) {
    it(`refuses ${title}`, () => {
      expect(() => decodeReads(Uint8Array.from(bytes)))
        .to.throw()
        .with.property("code", "data_loss");
    });
  }
});
