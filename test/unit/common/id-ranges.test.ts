import { expect } from "chai";
import fc from "fast-check";
import { IdRanges } from "../../../services/common/id-ranges.ts";

const ids = fc.array(fc.nat(60), { maxLength: 80 });

describe("sets of ids", () => {
  it("hold what a set holds, whatever the order of adding and removing", () => {
    const steps = fc.array(fc.record({ id: fc.nat(60), isAdded: fc.boolean() }), { maxLength: 120 });
    fc.assert(
      fc.property(steps, (actions) => {
        const ranges = new IdRanges();
        const set = new Set<number>();
        for (const { id, isAdded } of actions) {
          expect(isAdded ? ranges.add(id) : ranges.remove(id)).to.equal(isAdded ? !set.has(id) : set.has(id));
          if (isAdded) set.add(id);
          else set.delete(id);
          expect(ranges.count).to.equal(set.size);
        }
        expect([...ranges]).to.deep.equal([...set].sort((a, b) => a - b));
        for (let id = 0; id <= 61; id++) expect(ranges.has(id)).to.equal(set.has(id));
      }),
    );
  });

  it("are as few ranges as can be: sorted, disjoint, never adjacent", () => {
    fc.assert(
      fc.property(ids, (some) => {
        const ranges = IdRanges.ofIds(some).ranges();
        for (const [i, { first, last }] of ranges.entries()) {
          expect(first).to.be.at.most(last);
          const next = ranges[i + 1];
          if (next !== undefined) expect(next.first).to.be.greaterThan(last + 1);
        }
      }),
    );
  });

  it("unite, subtract and intersect as sets do", () => {
    fc.assert(
      fc.property(ids, ids, (one, other) => {
        const [a, b] = [new Set(one), new Set(other)];
        const [x, y] = [IdRanges.ofIds(one), IdRanges.ofIds(other)];
        const sorted = (set: Iterable<number>) => [...new Set(set)].sort((p, q) => p - q);
        expect([...x.union(y)]).to.deep.equal(sorted([...a, ...b]));
        expect([...x.subtract(y)]).to.deep.equal(sorted([...a].filter((id) => !b.has(id))));
        expect([...x.intersect(y)]).to.deep.equal(sorted([...a].filter((id) => b.has(id))));
        expect(x.subtract(y).count + x.intersect(y).count).to.equal(x.count);
      }),
    );
  });

  it("come back from their ranges, in whatever order and however much these overlap", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(50), fc.nat(8)), { maxLength: 20 }), (spans) => {
        const ranges = spans.map(([first, length]) => ({ first, last: first + length }));
        const set = IdRanges.ofRanges(ranges);
        const expected = new Set(
          ranges.flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, i) => first + i)),
        );
        expect(set.count).to.equal(expected.size);
        expect(set.equals(IdRanges.ofIds(expected))).to.equal(true);
        expect(set.equals(IdRanges.ofRanges(set.ranges()))).to.equal(true);
      }),
    );
  });

  it("know their end, and print as ranges", () => {
    const set = IdRanges.ofIds([7, 1, 2, 3]);
    expect(set.highest).to.equal(7);
    expect(`${set}`).to.equal("1-3, 7");
    expect(JSON.stringify(set)).to.equal('[{"first":1,"last":3},{"first":7,"last":7}]');
    expect([new IdRanges().highest, new IdRanges().isEmpty]).to.deep.equal([undefined, true]);
  });
});
