import { expect } from "chai";
import fc from "fast-check";
import type { Row } from "../../../../services/dataset/core/formats/row.ts";
import { heldRow, holdRow } from "../../../../services/dataset/core/held-row.ts";

const id = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const tokens = fc.integer({ min: 1, max: 10_000_000 });

describe("a row that is held", () => {
  it("comes back as it was, whatever its recipe", () => {
    const turn = fc.record({
      messages: fc.constant([]),
      maxOutputTokens: fc.option(tokens, { nil: undefined }),
      model: fc.constant(undefined),
      extraInputs: fc.constant(undefined),
      delayMs: fc.double({ min: 0, max: 1e9, noNaN: true }).map(Math.abs),
      timestampMs: fc.option(id, { nil: undefined }),
      recipe: fc.record({ inputTokens: tokens, blockTokens: tokens, blockIds: fc.array(id, { maxLength: 40 }) }),
    });
    const sessionId = fc.string({ unit: "grapheme", minLength: 1 });
    const turns = fc.array(turn, { minLength: 1, maxLength: 4 });
    const rows = fc.record({ sessionId, turns, unknownFields: fc.array(fc.string()) });
    fc.assert(
      fc.property(rows, (row) => {
        expect(heldRow(holdRow(row as unknown as Row))).to.deep.equal(row);
      }),
    );
  });

  it("keeps what else its turns say, and how it goes together with others", () => {
    const recipe = { inputTokens: 9, blockTokens: 4, blockIds: [3, 1] };
    const row: Row = {
      sessionId: "a",
      weight: 2,
      turns: [
        { messages: [], maxOutputTokens: 3, model: "m", extraInputs: { a: 1 }, delayMs: 5, timestampMs: 7, recipe },
        {
          messages: [{ role: "user", content: "hi" }],
          maxOutputTokens: 1,
          model: "m",
          extraInputs: {},
          delayMs: 0,
          timestampMs: 0,
        },
      ],
      branching: { branches: [], isSilent: true, isBegun: false },
      unknownFields: ["x"],
    };
    expect(heldRow(holdRow(row))).to.deep.equal(row);
  });
});
