import { expect } from "chai";
import fc from "fast-check";
import { decodeReads } from "../../../services/common/chunk-stamps.ts";
import { Slab, SlabPool } from "../../../services/worker/slab.ts";

const reads = fc.array(
  fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 3000 }), fc.oneof(fc.constant(0), fc.nat({ max: 5_000_000 }))),
  { maxLength: 60 },
);

describe("slab", () => {
  it("holds every byte and every stamp of an answer, however it came", () => {
    fc.assert(
      fc.property(reads, (chunks) => {
        const slab = new Slab();
        let ns = 0;
        const moments = new Set<number>();
        for (const [data, gapNs] of chunks) {
          ns += gapNs;
          moments.add(ns);
          slab.add(Buffer.concat([Buffer.from("<"), data, Buffer.from(">")]), 1, 1 + data.length, ns);
        }
        const stamps = [...moments].map((moment) => Math.round(moment / 1000) * 1000);
        const body = Buffer.concat(chunks.map(([data]) => data));
        expect(slab.payload.equals(body)).to.equal(true);
        expect(slab.receivedBytes).to.equal(body.length);
        const { readEnds, readNs } = decodeReads(slab.reads);
        expect([...readNs]).to.deep.equal(stamps);
        expect(readEnds.at(-1) ?? 0).to.equal(body.length);
      }),
    );
  });

  it("grows to an answer that comes in one read", () => {
    const slab = new Slab();
    const huge = Buffer.alloc(5_000_000, "x");
    slab.add(huge, 0, huge.length, 1);
    expect(slab.payload.equals(huge)).to.equal(true);
    slab.reset();
    slab.add(huge, 0, 10, 2);
    expect(slab.payload.equals(huge.subarray(0, 10))).to.equal(true);
  });
});

describe("slab pool", () => {
  it("gives slabs again, and no byte of one answer is ever seen in another", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(3), fc.nat(9000), fc.boolean()), { maxLength: 60 }), (steps) => {
        const pool = new SlabPool();
        const open = new Map<number, { readonly slab: Slab; readonly expected: Buffer[] }>();
        for (const [index, [lane, size, ends]] of steps.entries()) {
          const answer = open.get(lane) ?? { slab: pool.take(), expected: [] };
          if (!open.has(lane)) expect([answer.slab.receivedBytes, answer.slab.reads.length]).to.deep.equal([0, 0]);
          open.set(lane, answer);
          const chunk = Buffer.alloc(size, index % 251);
          answer.slab.add(chunk, 0, chunk.length, index);
          answer.expected.push(chunk);
          for (const { slab, expected } of open.values()) expect(slab.payload.equals(Buffer.concat(expected))).to.equal(true);
          if (!ends) continue;
          pool.giveBack(answer.slab);
          open.delete(lane);
        }
      }),
    );
  });

  it("keeps a slab, but not one whose answer came in very many reads", () => {
    const pool = new SlabPool();
    const huge = pool.take();
    for (let read = 0; read < 50_000; read++) huge.add(Buffer.from("x"), 0, 1, 1e6 * read);
    pool.giveBack(huge);
    expect(pool.take()).not.to.equal(huge);
    const small = pool.take();
    pool.giveBack(small);
    expect(pool.take()).to.equal(small);
  });
});
