/** Values in rows of `dag_jsonl`, and what is wrong with them. Pure. */
import type { JsonObject } from "../../../../endpoints/json-body.ts";
import { didYouMean } from "../../../common/nearest.ts";
import { isName, type RowProblem, shownValue } from "./row.ts";

/** A value, or what is wrong. */
export type DagRead<Value> = { readonly value: Value } | { readonly problem: RowProblem };

/** What is wrong in a field of the row, or within it at `shown`. */
export function wrong(field: string, message: string, shown?: string): { readonly problem: RowProblem } {
  return { problem: { field, message, ...(shown === undefined ? {} : { shownField: shown }) } };
}

/** A week. */
const maxDelayMs = 604_800_000;

/** A list of sessions, none of them twice. */
export function readNames(names: unknown, field: string, shown: string): DagRead<readonly string[]> {
  if (!Array.isArray(names)) return wrong(field, `expected a list of sessions, got ${shownValue(names)}`, shown);
  for (const [nth, name] of names.entries()) {
    if (!isName(name)) return wrong(field, `expected a session, got ${shownValue(name)}`, `${shown}[${nth}]`);
    if (names.indexOf(name) < nth) return wrong(field, `${name} is named twice`, `${shown}[${nth}]`);
  }
  return { value: names };
}

/** A whole number. */
export function isWhole(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value);
}

/** Milliseconds that a session can wait. */
export function isPause(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && value <= maxDelayMs;
}

/** The first field that is not among those known. */
export function unknownField(fields: JsonObject, known: readonly string[]): string | undefined {
  return Object.keys(fields).find((field) => !known.includes(field));
}

/** What is wrong with a field that is not among those known. */
export function notAField(field: string, known: readonly string[]): string {
  return `there is no such field${didYouMean(field, known)}`;
}
