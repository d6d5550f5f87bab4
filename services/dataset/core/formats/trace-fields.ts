/** What rows of traces have in common: lengths, moments and names of blocks instead of texts. Pure. */
import type { JsonObject } from "../../../../endpoints/json-body.ts";
import { maxTimestampMs } from "../../../common/turn-timestamps.ts";
import { isGiven, type PromptRecipe, type Row, type RowProblem, shownValue } from "./row.ts";

/** Longest prompt and answer, in tokens. */
export const maxTokens = 10_000_000;
/** A week. */
export const maxDelayMs = 604_800_000;
/** Names of blocks have 64 bits at most; as JSON has them, those above 2^53 may lose their last bits. */
const idEnd = 2 ** 64;

/** What a field holds, or why not. */
export type Read<T> = { readonly value: T } | { readonly problem: RowProblem };

export function wrong(field: string | undefined, message: string): { readonly problem: RowProblem } {
  return { problem: { field, message } };
}

export function unexpected(field: string, expected: string, value: unknown): { readonly problem: RowProblem } {
  return wrong(field, `expected ${expected}, got ${shownValue(value)}`);
}

/** The fields of a row that its format does not have. */
export function unknownFieldsOf(row: JsonObject, known: ReadonlySet<string>): readonly string[] {
  for (const field in row) if (!known.has(field)) return Object.keys(row).filter((name) => !known.has(name));
  // Of a million rows most have none: a list for each would be garbage.
  return none;
}

const none: readonly string[] = [];

/** A whole number in bounds. */
export function isWhole(value: unknown, least: number, most: number): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= least && value <= most;
}

export function isWithin(value: unknown, least: number, most: number): value is number {
  return typeof value === "number" && value >= least && value <= most;
}

/** Length of a prompt: `field` of a row that needs it. */
export function readInputTokens(row: JsonObject, field: string): Read<number> {
  const value = row[field];
  if (isWhole(value, 1, maxTokens)) return { value };
  return unexpected(field, `a whole number from 1 to ${maxTokens}`, value);
}

/**
 * Length of an answer; none where the row says none. A recorded 0, of a request that failed or was given up, becomes 1: the request
 * was made, and no target can be asked for less.
 */
export function readOutputTokens(row: JsonObject, field: string): Read<number | undefined> {
  const value = row[field];
  if (!isGiven(value)) return { value: undefined };
  if (isWhole(value, 0, maxTokens)) return { value: Math.max(1, value) };
  return unexpected(field, `a whole number from 0 to ${maxTokens}`, value);
}

/** A moment, ms; `unitMs`: ms of one unit of the field. */
export function readTimestamp(row: JsonObject, field: string, unitMs: number): Read<number | undefined> {
  const value = row[field];
  if (!isGiven(value)) return { value: undefined };
  if (isWithin(value, 0, maxTimestampMs / unitMs)) return { value: unitMs === 1 ? value : value * unitMs };
  return unexpected(field, `a number from 0 to ${maxTimestampMs / unitMs}`, value);
}

/** Names of the blocks that a prompt begins with. */
export function readBlockIds(row: JsonObject, field: string): Read<readonly number[]> {
  const value = row[field];
  if (!isGiven(value)) return { value: noIds };
  if (!Array.isArray(value)) return unexpected(field, "a list of whole numbers", value);
  for (let index = 0; index < value.length; index++) {
    const id: unknown = value[index];
    if (typeof id === "number" && Number.isInteger(id) && id >= 0 && id < idEnd) continue;
    const message = `expected a whole number from 0 to 2^64 − 1, got ${shownValue(id)}`;
    return { problem: { field, shownField: `${field}[${index}]`, message } };
  }
  return { value };
}

const noIds: readonly number[] = [];

/** Where the last block would have no token, the lengths do not belong together: AIPerf refuses them, too. */
export function recipeOfBlocks(
  field: string,
  inputTokens: number,
  blockIds: readonly number[],
  blockTokens: number,
): Read<PromptRecipe> {
  const before = (blockIds.length - 1) * blockTokens;
  if (inputTokens > before) return { value: { inputTokens, blockIds, blockTokens } };
  return wrong(
    field,
    `${blockIds.length} blocks of ${blockTokens} tokens need an input length above ${before}, got ${inputTokens} (--isl-block-size says what a block has)`,
  );
}

/** One request whose text is made. */
export interface TracedRequest {
  readonly sessionId: string | undefined;
  readonly recipe: PromptRecipe;
  readonly maxOutputTokens: number | undefined;
  readonly timestampMs: number | undefined;
  readonly delayMs?: number;
  readonly model?: string | undefined;
  readonly unknownFields: readonly string[];
}

export function rowOfRequest({ sessionId, recipe, maxOutputTokens, timestampMs, ...rest }: TracedRequest): Row {
  const turn = {
    messages: noMessages,
    recipe,
    maxOutputTokens,
    model: rest.model,
    extraInputs: undefined,
    delayMs: rest.delayMs ?? 0,
    timestampMs,
  };
  return { sessionId, turns: [turn], unknownFields: rest.unknownFields };
}

const noMessages: Row["turns"][number]["messages"] = [];
