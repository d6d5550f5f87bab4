import { expect } from "chai";
import fc from "fast-check";
import { RowPacker, rowAt, transferableOf } from "../../../../services/dataset/core/packed-rows.ts";

describe("packed rows", () => {
  it("are what was added, in order, also beyond an arena and when handed to another thread", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 600 }), (rows) => {
        const packer = new RowPacker();
        for (const row of rows) packer.add(row);
        const packed = packer.packed();
        const moved = structuredClone(packed, { transfer: transferableOf(packed) });
        expect(moved.size).to.equal(rows.length);
        expect(moved.sizeBytes).to.equal(rows.reduce((sum, { length }) => sum + length, 0));
        expect(rows.every((row, index) => Buffer.compare(rowAt(moved, index), row) === 0)).to.equal(true);
      }),
      { numRuns: 50 },
    );
  });

  it("take rows of several MiB, each whole", () => {
    const packer = new RowPacker();
    const rows = [3, 2, 5, 1].map((mib, index) => new Uint8Array(mib << 20).fill(index + 1));
    for (const row of rows) packer.add(row);
    const packed = packer.packed();
    for (const [index, row] of rows.entries()) expect(Buffer.compare(rowAt(packed, index), row), `row ${index}`).to.equal(0);
  });
});
