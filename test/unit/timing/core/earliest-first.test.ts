import { expect } from "chai";
import fc from "fast-check";
import { EarliestFirst } from "../../../../services/timing/core/earliest-first.ts";

describe("what is taken earliest first", () => {
  it("comes by time, and of one time in the order in which it was added, also while more is added", () => {
    const steps = fc.array(fc.oneof(fc.constant("take" as const), fc.nat(9)), { maxLength: 200 });
    fc.assert(
      fc.property(steps, (actions) => {
        const queue = new EarliestFirst<{ at: number; n: number }>();
        const sorted: { at: number; n: number }[] = [];
        for (const [n, action] of actions.entries()) {
          if (action === "take") {
            expect(queue.take()).to.deep.equal(sorted.shift());
          } else {
            const item = { at: action, n };
            queue.add(item, action);
            sorted.push(item);
            sorted.sort((a, b) => a.at - b.at || a.n - b.n);
          }
          expect([queue.size, queue.nextAt]).to.deep.equal([sorted.length, sorted[0]?.at ?? Number.POSITIVE_INFINITY]);
        }
      }),
    );
  });

  it("keeps its order when all of it is replaced, and is empty once all was taken", () => {
    const queue = new EarliestFirst<string>();
    for (const [at, item] of [...["c", "a", "b"].entries()].reverse()) queue.add(item, at);
    queue.replaceAll((item) => item.toUpperCase());
    expect(queue.take()).to.equal("C");
    expect(queue.takeAll()).to.have.members(["A", "B"]);
    expect([queue.size, queue.nextAt, queue.take()]).to.deep.equal([0, Number.POSITIVE_INFINITY, undefined]);
  });
});
