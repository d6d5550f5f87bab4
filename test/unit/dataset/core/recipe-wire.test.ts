import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { expect } from "chai";
import fc from "fast-check";
import { TurnSchema } from "../../../../gen/assay/dataset/v1/dataset_pb.js";
import type { PromptRecipe, RowTurn } from "../../../../services/dataset/core/formats/row.ts";
import { isRecipeAlone, RecipeWriter, recipeOf } from "../../../../services/dataset/core/recipe-wire.ts";

function turnOf(recipe: PromptRecipe, rest: Partial<RowTurn> = {}): RowTurn & { readonly recipe: PromptRecipe } {
  const nothing = { messages: [], maxOutputTokens: undefined, model: undefined, extraInputs: undefined };
  return { ...nothing, delayMs: 0, timestampMs: undefined, ...rest, recipe };
}

describe("a turn of a recipe on the wire", () => {
  const turns = fc.record({
    inputTokens: fc.integer({ min: 1, max: 1e7 }),
    blockIds: fc.array(fc.oneof(fc.nat(300), fc.maxSafeNat(), fc.constant(2 ** 63)), { maxLength: 40 }),
    blockTokens: fc.integer({ min: 1, max: 512 }),
    maxOutputTokens: fc.option(fc.integer({ min: 1, max: 1e7 }), { nil: undefined }),
    delayMs: fc.constantFrom(0, 12.5),
    timestampMs: fc.option(fc.double({ min: 0, max: 1e12, noNaN: true }), { nil: undefined }),
    session: fc.constantFrom("", "s", "späť"),
  });

  it("is what the generated code reads and writes", () => {
    const writer = new RecipeWriter();
    const check = fc.property(turns, ({ inputTokens, blockIds, blockTokens, session, ...rest }) => {
      const recipe = { inputTokens, blockIds, blockTokens };
      const bytes = writer.turn(turnOf(recipe, rest), session);
      expect(recipeOf(bytes)).to.deep.equal(recipe);
      const { maxOutputTokens, timestampMs, delayMs } = rest;
      const expected = create(TurnSchema, {
        conversationId: session,
        maxOutputTokens: maxOutputTokens ?? 0,
        delayMs,
        ...(timestampMs === undefined ? {} : { timestampMs }),
        recipe: { ...recipe, blockIds: blockIds.map(BigInt) },
      });
      expect(fromBinary(TurnSchema, bytes)).to.deep.equal(expected);
      expect(recipeOf(toBinary(TurnSchema, expected))).to.deep.equal(recipe);
    });
    fc.assert(check, { numRuns: 200 });
  });

  it("is written so only where the turn says nothing else", () => {
    const recipe = { inputTokens: 4, blockIds: [1], blockTokens: 16 };
    expect(isRecipeAlone(turnOf(recipe))).to.equal(true);
    const more: readonly Partial<RowTurn>[] = [
      { model: "m" },
      { extraInputs: { a: 1 } },
      { messages: [{ role: "user", content: "a" }] },
      { headers: { a: "b" } },
      { isSelfContained: true },
    ];
    for (const rest of more) expect(isRecipeAlone(turnOf(recipe, rest)), JSON.stringify(rest)).to.equal(false);
    expect(recipeOf(toBinary(TurnSchema, create(TurnSchema, { model: "m" })))).to.equal(undefined);
  });
});
