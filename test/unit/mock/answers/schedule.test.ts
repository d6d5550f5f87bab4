import { expect } from "chai";
import fc from "fast-check";
import { type Due, DueHeap, Schedule } from "../../../../mock/answers/schedule.ts";

const item = (dueNs: number): Due => ({ dueNs, heapIndex: -1 });

describe("mock due heap", () => {
  it("gives items by due time and lets any be taken out (property)", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(1000), fc.boolean()), { maxLength: 60, size: "max" }), (entries) => {
        const heap = new DueHeap<Due>();
        const items = entries.map(([dueNs]) => item(dueNs));
        for (const one of items) heap.push(one);
        entries.forEach(([, isRemoved], i) => {
          const one = items[i];
          if (isRemoved && one !== undefined) heap.remove(one);
        });
        const left = entries.filter(([, isRemoved]) => !isRemoved).map(([dueNs]) => dueNs);
        expect(heap.size).to.equal(left.length);
        const given: number[] = [];
        for (let one = heap.pop(); one !== undefined; one = heap.pop()) given.push(one.dueNs);
        expect(given).to.deep.equal(left.sort((a, b) => a - b));
        expect(items.every((one) => one.heapIndex === -1)).to.equal(true);
      }),
    );
  });

  it("ignores the removal of what is not in it", () => {
    const heap = new DueHeap<Due>();
    heap.push(item(1));
    heap.remove(item(1));
    expect(heap.size).to.equal(1);
  });
});

describe("mock schedule", () => {
  for (const precise of [false, true]) {
    it(`visits what is due in one pass, by due time, and nothing before its time (${precise ? "precise" : "timers"})`, async () => {
      let nowNs = 0;
      const visited: number[] = [];
      await new Promise<void>((resolve) => {
        const schedule = new Schedule<Due>({
          now: () => nowNs,
          precise,
          visit: ({ dueNs }, passNs) => {
            expect(dueNs).to.be.at.most(passNs);
            visited.push(dueNs);
            if (visited.length === 3) nowNs = 4e6; // only now is the last one due
            if (dueNs === 3e6) resolve();
          },
        });
        for (const dueNs of [3e6, 1e6, 0, 1e6]) schedule.add(item(dueNs));
        nowNs = 2e6;
      });
      expect(visited).to.deep.equal([0, 1e6, 1e6, 3e6]);
    });
  }

  it("serves an item that is due again at once only after the others", async () => {
    const visited: string[] = [];
    await new Promise<void>((resolve) => {
      const schedule = new Schedule<Due & { name: string }>({
        now: () => 10,
        precise: false,
        visit: (one) => {
          visited.push(one.name);
          if (visited.length < 5) schedule.add(one);
          if (visited.length === 6) resolve();
        },
      });
      schedule.add({ ...item(0), name: "a" });
      schedule.add({ ...item(1), name: "b" });
    });
    expect(visited).to.deep.equal(["a", "b", "a", "b", "a", "b"]);
  });

  it("never visits what was removed, and forgets all when stopped", async () => {
    const visited: Due[] = [];
    const schedule = new Schedule<Due>({ now: () => 10, precise: false, visit: (one) => visited.push(one) });
    const [kept, removed] = [item(1), item(2)];
    schedule.add(kept);
    schedule.add(removed);
    schedule.remove(removed);
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    expect(visited).to.deep.equal([kept]);
    schedule.add(removed);
    schedule.stop();
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    expect(visited).to.deep.equal([kept]);
    expect(schedule.size).to.equal(0);
  });
});
