/** Rows held until all of them are known, as bytes: objects would take several times as much, and weigh on the garbage collector. Pure. */
import type { PromptRecipe, Row, RowTurn } from "./formats/row.ts";
import { isRecipeAlone } from "./recipe-wire.ts";

/** A turn that is a recipe alone: input tokens, block tokens, output tokens, pause, moment, then the blocks, each less the one before. */
type HeldRecipe = readonly [number, number, number | null, number, number | null, ...number[]];
type HeldRow = Omit<Row, "turns"> & { readonly turns: readonly (RowTurn | HeldRecipe)[] };

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** JSON text; what a row leaves undefined is absent from what `heldRow` makes of it. */
export function holdRow(row: Row): Uint8Array {
  const turns = row.turns.map((turn) => (isRecipeAlone(turn) ? heldRecipe(turn) : turn));
  return encoder.encode(JSON.stringify({ ...row, turns } satisfies HeldRow));
}

/** @param bytes of `holdRow` */
export function heldRow(bytes: Uint8Array): Row {
  // Written above.
  const row = JSON.parse(decoder.decode(bytes)) as HeldRow;
  const [first, ...rest] = row.turns.map((turn) => ("messages" in turn ? turn : recipeTurn(turn)));
  return { ...row, turns: [first as RowTurn, ...rest] };
}

function heldRecipe({ maxOutputTokens, delayMs, timestampMs, recipe }: RowTurn & { readonly recipe: PromptRecipe }): HeldRecipe {
  const { inputTokens, blockTokens, blockIds } = recipe;
  const steps = blockIds.map((id, nth) => id - (blockIds[nth - 1] ?? 0));
  return [inputTokens, blockTokens, maxOutputTokens ?? null, delayMs, timestampMs ?? null, ...steps];
}

function recipeTurn([inputTokens, blockTokens, outputTokens, delayMs, timestampMs, ...steps]: HeldRecipe): RowTurn {
  let id = 0;
  const blockIds = steps.map((step) => {
    id += step;
    return id;
  });
  return {
    messages: [],
    maxOutputTokens: outputTokens ?? undefined,
    model: undefined,
    extraInputs: undefined,
    delayMs,
    timestampMs: timestampMs ?? undefined,
    recipe: { inputTokens, blockIds, blockTokens },
  };
}
