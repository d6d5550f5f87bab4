/**
 * A `Turn` whose prompt is made of a recipe, on the wire by hand: a trace has a million of them, and an object for each would cost
 * more than all else that is done with its row. `dataset.proto` is the contract; a test holds this against the generated code. Pure.
 */
import { PromptRecipeSchema, TurnSchema } from "../../../gen/assay/dataset/v1/dataset_pb.js";
import { WireReader, WireWriter } from "../../common/wire.ts";
import type { PromptRecipe, RowTurn } from "./formats/row.ts";

const fields = TurnSchema.field;
const recipeFields = PromptRecipeSchema.field;
/** Tag of `field`, whose values are lengths and bytes. */
const tagOf = (field: { readonly number: number }): number => (field.number << 3) | 2;
const recipeTag = tagOf(fields.recipe);
const idsTag = tagOf(recipeFields.blockIds);
/** Of a turn without its ids and its session's name. */
const fixedBytes = 96;
/** A name of 64 bits. */
const mostIdBytes = 10;

/** Whether a turn says nothing but what `RecipeWriter` writes. */
export function isRecipeAlone(turn: RowTurn): turn is RowTurn & { readonly recipe: PromptRecipe } {
  return (
    turn.recipe !== undefined &&
    turn.messages.length === 0 &&
    turn.model === undefined &&
    turn.extraInputs === undefined &&
    turn.rawBody === undefined &&
    turn.headers === undefined &&
    turn.toolsJson === undefined &&
    turn.expectation === undefined &&
    !turn.isSelfContained &&
    !turn.resetsHistory &&
    !turn.bringsAnswers &&
    turn.rowGroup === undefined
  );
}

/** Writes one turn after the other into the same bytes. */
export class RecipeWriter {
  readonly #wire = new WireWriter(Buffer.allocUnsafeSlow(4096));

  /** The turn's bytes; valid until the next call. */
  turn(turn: RowTurn & { readonly recipe: PromptRecipe }, conversationId: string): Uint8Array {
    const wire = this.#wire;
    const { blockIds, inputTokens, blockTokens } = turn.recipe;
    wire.end = 0;
    wire.reserve(fixedBytes + mostIdBytes * blockIds.length + 3 * conversationId.length);
    wire.text(fields.conversationId.number, conversationId);
    wire.uint(fields.maxOutputTokens.number, turn.maxOutputTokens ?? 0);
    wire.double(fields.delayMs.number, turn.delayMs);
    wire.optionalDouble(fields.timestampMs.number, turn.timestampMs);
    const opened = wire.open(fields.recipe.number);
    wire.uint(recipeFields.inputTokens.number, inputTokens);
    wire.uints(recipeFields.blockIds.number, blockIds);
    wire.uint(recipeFields.blockTokens.number, blockTokens);
    wire.close(opened);
    return wire.buffer.subarray(0, wire.end);
  }
}

/** The recipe among the bytes of a turn; undefined: there is none. */
export function recipeOf(bytes: Uint8Array): PromptRecipe | undefined {
  const reader = new WireReader(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  while (reader.at < bytes.length) {
    const tag = reader.tag();
    if (tag === recipeTag) return readRecipe(reader);
    reader.skip(tag & 7);
  }
  return undefined;
}

function readRecipe(reader: WireReader): PromptRecipe {
  const end = reader.length();
  const blockIds: number[] = [];
  let inputTokens = 0;
  let blockTokens = 0;
  while (reader.at < end) {
    const tag = reader.tag();
    if (tag === idsTag) for (const idsEnd = reader.length(); reader.at < idsEnd; ) blockIds.push(reader.varint());
    else if (tag >>> 3 === recipeFields.inputTokens.number) inputTokens = reader.varint();
    else if (tag >>> 3 === recipeFields.blockTokens.number) blockTokens = reader.varint();
    else reader.skip(tag & 7);
  }
  return { inputTokens, blockIds, blockTokens };
}
