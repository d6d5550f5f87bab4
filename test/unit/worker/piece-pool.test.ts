import { expect } from "chai";
import fc from "fast-check";
import { PiecePool, pieceBytes } from "../../../services/worker/piece-pool.ts";

const blockBytes = 256 * pieceBytes;

describe("piece pool", () => {
  it("gives each piece to one at a time, with memory of its own", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -400, max: 400 }), { maxLength: 30 }), (steps) => {
        const pool = new PiecePool();
        const held: number[] = [];
        for (const step of steps) {
          for (let each = 0; each < step; each++) held.push(pool.take());
          for (let each = 0; each > step && held.length > 0; each--)
            pool.giveBack(held.splice(Math.abs(step * 7) % held.length, 1)[0] ?? -1);
          expect(new Set(held).size).to.equal(held.length);
        }
        for (const [mark, piece] of held.entries())
          pool.bufferOf(piece).fill(mark % 251, pool.startOf(piece), pool.startOf(piece) + pieceBytes);
        for (const [mark, piece] of held.entries()) {
          const bytes = pool.bufferOf(piece).subarray(pool.startOf(piece), pool.startOf(piece) + pieceBytes);
          expect(bytes.length).to.equal(pieceBytes);
          expect(bytes.equals(Buffer.alloc(pieceBytes, mark % 251))).to.equal(true);
        }
      }),
      { numRuns: 20 },
    );
  });

  it("takes a block at a time, and gives back what is free but for 16 MiB", () => {
    const pool = new PiecePool();
    const held = Array.from({ length: 40 * 256 }, () => pool.take());
    expect(pool.sizeBytes).to.equal(40 * blockBytes);
    for (const piece of held) pool.giveBack(piece);
    expect(pool.sizeBytes).to.equal(16 * blockBytes);
    const again = Array.from({ length: 16 * 256 + 1 }, () => pool.take());
    expect(new Set(again).size).to.equal(again.length);
    expect(pool.sizeBytes).to.equal(17 * blockBytes);
  });
});
