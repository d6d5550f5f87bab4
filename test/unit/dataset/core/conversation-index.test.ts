import { expect } from "chai";
import fc from "fast-check";
import { ConversationIndexer, rowOfTurn, turnsOf } from "../../../../services/dataset/core/conversation-index.ts";

function indexOf(conversations: readonly number[]) {
  const indexer = new ConversationIndexer();
  for (const conversation of conversations) indexer.add(conversation);
  return indexer.index();
}

describe("which rows are whose turns", () => {
  it("is found for every row, whatever the order", () => {
    const picks = fc.array(fc.nat(), { minLength: 1, maxLength: 700 });
    fc.assert(
      fc.property(picks, (drawn) => {
        const rows: number[] = [];
        let begun = 0;
        for (const pick of drawn) {
          const conversation = pick % (begun + 1);
          rows.push(conversation);
          begun = Math.max(begun, conversation + 1);
        }
        const index = indexOf(rows);
        expect(index.size).to.equal(begun);
        for (let conversation = 0; conversation < begun; conversation++) {
          const turns = Array.from({ length: turnsOf(index, conversation) }, (_, turn) => rowOfTurn(index, conversation, turn));
          expect(turns).to.deep.equal(rows.flatMap((of, row) => (of === conversation ? [row] : [])));
        }
      }),
    );
  });

  it("takes no memory where every row is a conversation, and little where rows stand in order", () => {
    expect(indexOf([0, 1, 2])).to.deep.equal({ size: 3 });
    expect(indexOf([0, 0, 1])).to.deep.equal({ size: 2, firstTurnOf: Uint32Array.of(0, 2, 3) });
  });
});
